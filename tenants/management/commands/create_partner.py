"""manage.py create_partner: the door by which a platform comes in."""

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants import services
from tenants.api_keys.services import IssuedKey
from tenants.context import staff_context
from tenants.models import PlanTier


class Command(BaseCommand):
    help = "Make a partner tenant with an API key that holds the `partner` permission, and print the key once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True)
        parser.add_argument("--slug", required=True, help="lowercase letters, digits and single hyphens")
        parser.add_argument("--plan-tier", choices=PlanTier.values, default=PlanTier.STARTER)
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, name: str, slug: str, plan_tier: str, json: bool, **options: Any) -> None:
        try:
            with staff_context():
                _, key = services.create_partner(
                    actor="command:create_partner", name=name, slug=slug, plan_tier=PlanTier(plan_tier)
                )
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        print_key(self, key, slug=slug, as_json=json)


def print_key(command: BaseCommand, key: IssuedKey, *, slug: str, as_json: bool) -> None:
    """The key's text, on standard output alone."""
    if as_json:
        command.stdout.write(json.dumps({"tenant_id": str(key.record.tenant_id), "slug": slug, "api_key": key.text}))
        return
    command.stdout.write(f"tenant   {slug}  {key.record.tenant_id}")
    command.stdout.write(f"api key  {key.text}")
    command.stdout.write("The key is shown this once; only its digest is stored.")
