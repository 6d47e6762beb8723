"""A partner's integrations: registered, listed, shared, their secrets rotated."""
