"""Recommendations: which action a user should get, or none."""
