"""Segment: https://segment.com/docs/connections/spec."""
