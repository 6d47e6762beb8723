"""The audit trail of a partner and its customers."""
