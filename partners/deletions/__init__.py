"""Deletions of a partner's customers: asked for, undone, looked at."""
