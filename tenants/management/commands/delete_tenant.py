"""manage.py delete_tenant: a tenant and all that is of it, for good."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants import services
from tenants.context import staff_context
from tenants.deletion import job
from tenants.deletion.services import hash_of
from tenants.models import Deletion

ACTOR = "command:delete_tenant"


class Command(BaseCommand):
    help = (
        "Delete a tenant with its users, events, decisions, model and keys, at once. The audit trail keeps who changed "
        "it and when, and there is a certificate."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant", help="slug or uuid")
        parser.add_argument("--confirm", metavar="SLUG", required=True, help="the tenant's slug, once more")

    def handle(self, *, tenant: str, confirm: str, **options: Any) -> None:
        try:
            with staff_context():
                found = services.find_tenant(tenant)
            if found.slug != confirm:
                raise CommandError(f"The slug of {found} is {found.slug!r}; nothing was deleted.")
            rows = job.delete_now(actor=ACTOR, tenant_id=found.id)
        except (ValidationError, job.LeftError) as error:
            raise CommandError("; ".join(getattr(error, "messages", [str(error)]))) from error
        with staff_context():
            deletion = Deletion.objects.filter(subject_hash=hash_of(str(found.id))).latest("requested_at")
        self.stdout.write(f"{found.slug}  {found.id}  deleted with {rows:,} rows: {deletion.id}.")
