"""The feed of a partner's events, and the catalogue of their types."""
