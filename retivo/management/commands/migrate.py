"""manage.py migrate, as the owner of the tables: the runtime role may not change the schema."""

from typing import Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import connections

from retivo.database import roles
from retivo.management.commands.bootstrap_roles import login


class Command(migrate.Command):
    help = "Make the roles if need be, then migrate as the owner (DATABASE_OWNER_URL)."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> str | None:
        if options["database"] not in settings.DATABASES:
            raise CommandError("Set DATABASE_OWNER_URL: migrations run as the owner of the tables.")
        owner = connections["owner"]
        owner.ensure_connection()
        connection: psycopg.Connection[Any] = owner.connection
        try:
            roles.bootstrap(connection, owner=login("owner"), runtime=login("default"))
        except roles.RolesError as error:
            raise CommandError(str(error)) from error
        roles.prepare_database(connection)
        runtime = connections["default"]
        runtime.ensure_connection()
        roles.set_own_deadlines(runtime.connection)
        super().handle(*args, **options)
        # `makemigrations` and the deployment's own checks read what is applied through the runtime role.
        connection.execute("GRANT SELECT ON django_migrations TO app_rt")
        if not (options["plan"] or options["app_label"]):
            call_command("sync_staff_groups", verbosity=options["verbosity"])
        return None
