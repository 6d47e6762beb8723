"""A partner's customers in numbers, and the patterns of its action types."""
