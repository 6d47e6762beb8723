"""manage.py delete_tenant: a tenant and all that is of it, for good."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants import services
from tenants.context import staff_context
from tenants.upkeep import deletion


class Command(BaseCommand):
    help = "Delete a tenant with its users, events, decisions, model and keys. The audit trail alone stays."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant", help="slug or uuid")
        parser.add_argument("--confirm", metavar="SLUG", required=True, help="the tenant's slug, once more")

    def handle(self, *, tenant: str, confirm: str, **options: Any) -> None:
        try:
            with staff_context():
                found = services.find_tenant(tenant)
            if found.slug != confirm:
                raise CommandError(f"The slug of {found} is {found.slug!r}; nothing was deleted.")
            rows = deletion.delete_tenant(actor="command:delete_tenant", tenant_id=found.id)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        self.stdout.write(f"{found.slug}  {found.id}  deleted with {rows:,} rows.")
