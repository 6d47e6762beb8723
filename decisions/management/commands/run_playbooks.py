"""manage.py run_playbooks: every active playbook over its tenant's users. To be run often; runs may overlap.

A tenant that fails stops no other; the command then ends with an error, and the log says why.
"""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from decisions.playbooks.runner import run_tenant
from tenants import services
from tenants.context import staff_context
from tenants.models import PlanStatus, Tenant
from tenants.upkeep import rounds


class Command(BaseCommand):
    help = "Run each active playbook over its tenant's users: who enters, who leaves, what is due."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG-or-uuid", help="all that are not suspended by default")

    def handle(self, *, tenant: str | None, **options: Any) -> None:
        try:
            with staff_context():
                active = Tenant.objects.filter(plan_status=PlanStatus.ACTIVE).order_by("created_at", "id")
                found = [services.find_tenant(tenant)] if tenant else list(active)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        slugs = {one.id: one.slug for one in found}

        def run(tenant_id: UUID, _: rounds.Turn) -> None:
            counts = run_tenant(tenant_id)
            if counts or tenant:
                said = ", ".join(f"{name} {n}" for name, n in counts.items()) or "nothing"
                self.stdout.write(f"{slugs[tenant_id]}: {said}")

        try:
            rounds.each("run_playbooks", slugs, run)
        except rounds.RoundError as error:
            raise CommandError(str(error)) from error
