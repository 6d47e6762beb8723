"""manage.py score_users: the scores and stages of all users, or of one tenant's. To be run every few minutes.

A tenant that fails stops no other; the command then ends with an error, and the log says why.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from events.scoring.services import score_tenant
from tenants import services
from tenants.context import staff_context
from tenants.models import Tenant
from tenants.upkeep import rounds


class Command(BaseCommand):
    help = (
        "Score the users that were active since they were last scored, and once a day all of them. Safe to interrupt, "
        "to repeat and to run in parallel."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG-or-uuid", help="this tenant's users alone")
        parser.add_argument("--everyone", action="store_true", help="all users now, whenever that was done last")

    def handle(self, *, tenant: str | None, everyone: bool, **options: Any) -> None:
        written: list[int] = []
        try:
            with staff_context():
                everybody = Tenant.objects.values_list("id", flat=True)
                found = list(everybody) if tenant is None else [services.find_tenant(tenant).id]
            rounds.each("score_users", found, lambda id, turn: written.append(score_tenant(id, everyone=everyone)))
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        except rounds.RoundError as error:
            raise CommandError(f"{error} {_of(written)}") from error
        self.stdout.write(_of(written))


def _of(written: list[int]) -> str:
    return f"tenants: {len(written)}, users whose scores moved: {sum(written)}"
