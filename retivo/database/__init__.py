"""PostgreSQL: the embedded server, the cluster's roles, row-level security, the backend."""
