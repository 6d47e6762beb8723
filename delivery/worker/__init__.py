"""The worker: leases due actions, has them sent, and records what became of them."""
