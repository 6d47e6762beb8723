"""Deleting a tenant: scheduled with a grace, undone within it, carried out by a worker, certified."""
