"""manage.py sync_staff_groups: `migrate` runs it, since permissions come and go with models."""

from typing import Any

from django.core.management.base import BaseCommand

from tenants.accounts import services as accounts
from tenants.context import staff_context


class Command(BaseCommand):
    help = "Give the groups viewer, operator and superuser exactly their permissions. Safe to repeat."

    def handle(self, *, verbosity: int, **options: Any) -> None:
        with staff_context():
            accounts.sync_groups(actor="command:sync_staff_groups")
        if verbosity:
            self.stdout.write("The groups viewer, operator and superuser have their permissions.")
