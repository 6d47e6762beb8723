"""A tenant's action types: its own, and those its partner shares with it."""
