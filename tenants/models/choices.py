"""What models' constraints share."""

from django.db import models
from django.db.models import Q


def one_of(field: str, choices: type[models.TextChoices]) -> Q:
    """That `field` is one of `choices`."""
    return Q(**{f"{field}__in": choices.values})
