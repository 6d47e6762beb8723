"""The audit trail as tenants read it: a chain of hashes for each family, with checkpoints that are signed."""
