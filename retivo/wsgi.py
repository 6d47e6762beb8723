"""The WSGI application. It does not come up where a system check fails, the one on the database's roles among them."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application

from retivo.database import embedded_postgres
from retivo.database.checks import exit_unless_fit


def _application() -> WSGIHandler:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "retivo.settings")
    try:
        embedded_postgres.start_if_configured()
        application = get_wsgi_application()
    except (ImproperlyConfigured, embedded_postgres.EmbeddedPostgresError) as error:
        sys.exit(f"retivo: {error}")
    # Before gunicorn forks: this also imports the urls, and all they need, once for all workers.
    exit_unless_fit()
    return application


application = _application()
