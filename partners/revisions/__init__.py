"""Revisions of a partner's integrations: published, listed, compared."""
