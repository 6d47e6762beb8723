"""manage.py migrate, as the owner of the tables: the runtime role may not change the schema."""

import time
from typing import Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import connections

from retivo.database import changing, commits, guards, roles
from retivo.management.commands.bootstrap_roles import login, logins

_PATIENCE_SECONDS = 300


class Command(migrate.Command):
    help = (
        "Make the roles if need be, then migrate as the owner (DATABASE_OWNER_URL). Safe while requests are served, in"
        " parallel, and again after it was interrupted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--patience",
            type=float,
            default=_PATIENCE_SECONDS,
            metavar="SECONDS",
            help="how long to try again for a lock that somebody holds, or to wait for another migrate",
        )
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, patience: float, **options: Any) -> str | None:
        if options["database"] not in settings.DATABASES:
            raise CommandError("Set DATABASE_OWNER_URL: migrations run as the owner of the tables.")
        if options["plan"] or options["check_unapplied"]:
            super().handle(*args, **options)
            return None
        owner = connections["owner"]
        owner.ensure_connection()
        connection: psycopg.Connection[Any] = owner.connection
        deadline = time.monotonic() + patience
        try:
            changing.prepare(connection)
            with changing.turn(connection, deadline=deadline):
                for attempt in changing.attempts(deadline):
                    with attempt.watched(connection):
                        self._migrate(connection, *args, **options)
                    if attempt.obstacle:
                        self.stderr.write(f"\nWaiting for a lock: {attempt.obstacle}. Trying again …")
        except (roles.RolesError, changing.ChangeError) as error:
            raise CommandError(str(error)) from error
        finally:
            owner.close()  # the session's time limits are for changing the schema, and for nothing that comes after
        if not options["app_label"]:
            call_command("sync_staff_groups", verbosity=options["verbosity"])
        return None

    def _migrate(self, connection: psycopg.Connection[Any], *args: Any, **options: Any) -> None:
        roles.bootstrap(connection, owner=login("owner"), logins=logins())
        roles.prepare_database(connection)
        for alias in roles.LOGINS:
            connections[alias].ensure_connection()
            roles.set_own_deadlines(connections[alias].connection)
            connections[alias].close()
        for name in changing.drop_invalid_indexes(connection):
            self.stderr.write(f"Dropped the index {name}, which an interrupted migrate had left unfinished.")
        super().handle(*args, **options)
        commits.keep_era(connection)
        guards.keep_guards(connection)
        # `makemigrations` and the deployment's own checks read what is applied with the web's rights.
        connection.execute("GRANT SELECT ON django_migrations TO app_web")
