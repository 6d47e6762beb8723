"""What a tenant, its partner and staff say of the tenant, and what follows from it: the strictest holds."""
