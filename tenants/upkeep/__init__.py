"""Periodic work over all tenants, what is old enough to go, and a tenant's deletion."""
