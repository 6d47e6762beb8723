"""Mixpanel: https://developer.mixpanel.com/reference."""
