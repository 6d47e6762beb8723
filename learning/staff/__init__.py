"""Staff pages of releases, and of how far tenants trust the patterns."""
