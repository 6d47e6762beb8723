#!/usr/bin/env python
"""Retivo's command line: `manage.py help` lists the commands."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "retivo.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import DatabaseError, InterfaceError, OperationalError

    from retivo import processes
    from retivo.database import embedded_postgres, startup

    try:
        processes.work_in_background()
        embedded_postgres.start_if_configured()
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, embedded_postgres.EmbeddedPostgresError) as error:
        sys.exit(f"retivo: {error}")
    except (OperationalError, InterfaceError) as error:
        sys.exit(f"retivo: The database does not answer: {startup.reason(error)}")
    except DatabaseError:
        if startup.has_tables():
            raise
        sys.exit("retivo: The database has no tables yet: run `manage.py migrate`, against the same database, first.")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
