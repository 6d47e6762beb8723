"""Revisions of integrations: published, compared, their addresses corrected."""
