"""Ids that say what they are of: `at_…` an action type."""

from typing import Any

from django.db.models import CharField, Func


class PrefixedId(Func):
    """A column default: `prefix`, an underscore and 122 random bits in hex, made by the database."""

    template = "('%(prefix)s_' || replace(gen_random_uuid()::text, '-', ''))"

    def __init__(self, *, prefix: str, **extra: Any) -> None:
        super().__init__(prefix=prefix, output_field=CharField(), **extra)
