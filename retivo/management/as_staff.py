"""Django's commands on users and sessions, run as staff: the runtime role itself has no right to those tables."""

from typing import Any

from django.core.management.base import BaseCommand

from tenants.accounts import services as accounts
from tenants.context import staff_context


class AsStaff(BaseCommand):
    """Stands before Django's own command among the bases. What that does to users stands in the audit trail."""

    def handle(self, *args: Any, **options: Any) -> str | None:
        command = type(self).__module__.rpartition(".")[2]
        with staff_context(), accounts.recording(actor=f"command:{command}"):
            return super().handle(*args, **options)
