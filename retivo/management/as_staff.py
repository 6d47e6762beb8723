"""Django's commands on users and sessions, run as staff: the runtime role itself has no right to those tables."""

from typing import Any

from django.core.management.base import BaseCommand

from tenants.context import staff_context


class AsStaff(BaseCommand):
    """Stands before Django's own command among the bases."""

    def handle(self, *args: Any, **options: Any) -> str | None:
        with staff_context():
            return super().handle(*args, **options)
