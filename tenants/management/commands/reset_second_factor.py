"""manage.py reset_second_factor: for staff who lost the device and the recovery codes."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants.context import staff_context
from tenants.second_factor import services


class Command(BaseCommand):
    help = "Take away a staff user's authenticator app and recovery codes, and forget wrong codes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *, username: str, **options: Any) -> None:
        try:
            with staff_context():
                was_there = services.reset(actor="command:reset_second_factor", username=username)
        except User.DoesNotExist as error:
            raise CommandError(f"There is no user {username}.") from error
        self.stdout.write(f"{username} has no second factor {'any more' if was_there else 'to reset'}.")
