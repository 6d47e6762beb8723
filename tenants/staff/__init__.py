"""Staff pages of keys and the audit trail, staff's groups, and lists too long to count."""
