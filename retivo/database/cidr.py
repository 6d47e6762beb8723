"""Networks of addresses, as PostgreSQL's `cidr`: texts such as `203.0.113.0/24` to Python."""

from typing import Any

from django.db import models


class CidrField(models.Field):  # type: ignore[type-arg]  # generic for mypy alone
    """A network. PostgreSQL refuses one with bits to the right of its mask."""

    def db_type(self, connection: Any) -> str:
        return "cidr"
