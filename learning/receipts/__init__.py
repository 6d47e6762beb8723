"""What a tenant is told of its own part in the patterns: its consent, and the privacy it spent."""
