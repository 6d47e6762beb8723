"""A tenant's own settings and switches, with its usage this month."""
