"""manage.py create_api_key: a further key for a tenant."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants import services
from tenants.context import staff_context
from tenants.management.commands.create_partner import print_key
from tenants.models import KeyMode, Scope


class Command(BaseCommand):
    help = "Issue an API key for a tenant and print it once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, metavar="SLUG-or-uuid")
        parser.add_argument(
            "--scope",
            required=True,
            action="append",
            choices=Scope.values,
            help="may be repeated; `full` does not include `partner`; docs/keys.md says what each allows",
        )
        parser.add_argument("--label", default="")
        parser.add_argument("--test", action="store_true", help="refused: a test key needs a test tenant")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, tenant: str, scope: list[str], label: str, test: bool, json: bool, **options: Any) -> None:
        try:
            with staff_context():
                found = services.find_tenant(tenant)
                key = services.issue_key(
                    actor="command:create_api_key",
                    tenant_id=found.id,
                    scopes=[Scope(name) for name in scope],
                    label=label,
                    mode=KeyMode.TEST if test else KeyMode.LIVE,
                )
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        print_key(self, key, slug=found.slug, as_json=json)
