"""Who a key is: its tenant, what it may do, and the state that the tenant is in."""
