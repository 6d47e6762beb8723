"""Lift: how many more users convert that may be given something."""
