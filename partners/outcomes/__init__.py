"""Outcomes that a partner reports of actions of its integrations, of all its customers."""
