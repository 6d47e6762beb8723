"""Periodic work on decisions: what came of them, and what is old enough to go."""
