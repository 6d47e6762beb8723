"""manage.py run_playbooks: every active playbook over its tenant's users. To be run often; runs may overlap."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from decisions.playbooks.runner import run_tenant
from tenants import services
from tenants.context import staff_context
from tenants.models import PlanStatus, Tenant


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
        for one in found:
            counts = run_tenant(one.id)
            if counts or tenant:
                self.stdout.write(f"{one.slug}: {', '.join(f'{name} {n}' for name, n in counts.items()) or 'nothing'}")
