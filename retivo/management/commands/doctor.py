"""manage.py doctor: what is wrong, one line for each check."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from retivo.sight.doctor import Grade, examine


class Command(BaseCommand):
    help = "Check the database, the pooler, the workers and the keys. Exits with 1 if a check fails."
    requires_system_checks = []  # they would end it where it is to say what is wrong

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json", help="a JSON object a line")

    def handle(self, *, as_json: bool, **options: Any) -> None:
        failed = False
        for found in examine():
            line = f"{found.grade:<4}  {found.name:<10}  {found.detail}"
            plain = {"name": found.name, "status": found.grade.lower(), "detail": found.detail}
            self.stdout.write(json.dumps(plain) if as_json else line)
            self.stdout.flush()
            failed = failed or found.grade == Grade.FAILURE
        if failed:
            sys.exit(1)
