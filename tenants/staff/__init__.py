"""Staff pages of keys and the audit trail, and lists of tables too long to count."""
