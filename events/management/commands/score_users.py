"""manage.py score_users: the scores and stages of all users, or of one tenant's. To be run every few minutes."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from events.scoring import score_all_tenants, score_tenant
from tenants import services
from tenants.context import staff_context


class Command(BaseCommand):
    help = (
        "Score the users that were active since they were last scored, and once a day all of them. Safe to interrupt, "
        "to repeat and to run in parallel."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG-or-uuid", help="this tenant's users alone")
        parser.add_argument("--everyone", action="store_true", help="all users now, whenever that was done last")

    def handle(self, *, tenant: str | None, everyone: bool, **options: Any) -> None:
        if tenant is None:
            written = [count for _, count in score_all_tenants(everyone=everyone)]
        else:
            try:
                with staff_context():
                    found = services.find_tenant(tenant)
            except ValidationError as error:
                raise CommandError("; ".join(error.messages)) from error
            written = [score_tenant(found.id, everyone=everyone)]
        self.stdout.write(f"tenants: {len(written)}, users whose scores moved: {sum(written)}")
