"""Batches of events in: read, checked, deduplicated, metered and stored."""
