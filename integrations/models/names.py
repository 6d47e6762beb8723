"""What names of integrations, of action types and of their kinds look like."""

from django.db import models

SNAKE_CASE = r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$"
PROVIDER = r"^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$"
KIND = r"^[a-z]+/[a-z]+(_[a-z]+)*$"


class KindSource(models.TextChoices):
    """How the kind of an action type was found; both may have found that it has none."""

    DECLARED = "declared", "Declared"
    PROPOSED = "proposed", "Proposed"
