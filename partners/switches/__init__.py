"""A partner's switches for all of its customers, or for a part of what it does there."""
