"""Requests to endpoints: the address is checked, the request is signed and sent. Knows of no action."""
