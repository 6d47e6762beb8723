"""What names of integrations and of action types look like."""

SNAKE_CASE = r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$"
PROVIDER = r"^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$"
