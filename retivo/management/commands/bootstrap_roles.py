"""manage.py bootstrap_roles: for clusters where the owner may not make roles itself."""

from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from retivo.database import roles


class Command(BaseCommand):
    help = "Make the cluster's roles for DATABASE_OWNER_URL and DATABASE_URL, as a role that may. Safe to repeat."
    requires_system_checks = []  # they look for the very roles

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", required=True, help="connection of a superuser or a role with CREATEROLE")

    def handle(self, *, url: str, **options: Any) -> None:
        if "owner" not in settings.DATABASES:
            raise CommandError("Set DATABASE_OWNER_URL: its user is the role that is to own the tables.")
        try:
            with psycopg.connect(url) as connection:
                roles.bootstrap(connection, owner=login("owner"), runtime=login("default"))
        except (psycopg.Error, roles.RolesError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write("The roles stand.")


def login(alias: str) -> roles.Login:
    """The role that a configured connection logs in as."""
    config = settings.DATABASES[alias]
    return roles.Login(name=config["USER"], password=config["PASSWORD"] or None)
