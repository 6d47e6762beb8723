"""A tenant's API keys: issued, rotated and revoked, by its own keys, by its partner's and by staff."""
