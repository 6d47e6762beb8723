"""manage.py bootstrap_roles: for clusters where the owner may not make roles itself."""

from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from retivo.database import roles


class Command(BaseCommand):
    help = "Make the cluster's roles and the logins of all DATABASE_*URL, as a role that may. Safe to repeat."
    requires_system_checks = []  # they look for the very roles

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", required=True, help="connection of a superuser or a role with CREATEROLE")

    def handle(self, *, url: str, **options: Any) -> None:
        if "owner" not in settings.DATABASES:
            raise CommandError("Set DATABASE_OWNER_URL: its user is the role that is to own the tables.")
        try:
            with psycopg.connect(url) as connection:
                roles.bootstrap(connection, owner=login("owner"), logins=logins())
        except (psycopg.Error, roles.RolesError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write("The roles stand.")


def logins() -> dict[str, roles.Login]:
    """Who logs in with which role's rights. With one URL for all, it has all rights."""
    found = {alias: login(alias) for alias in roles.LOGINS}
    if len({each.name for each in found.values()}) == 1 and found["web"].name != roles.WEB:
        return {roles.ALL_IN_ONE: found["web"]}
    return {roles.LOGINS[alias]: each for alias, each in found.items()}


def login(alias: str) -> roles.Login:
    """The role that a configured connection logs in as."""
    config = settings.DATABASES[alias]
    return roles.Login(name=config["USER"], password=config["PASSWORD"] or None)
