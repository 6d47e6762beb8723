"""What became of the events that a tenant sent: those that were stored, and those that were rejected."""
