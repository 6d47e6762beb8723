"""The project's settings, with an app whose migrations want locks that somebody holds."""

from retivo.settings import *  # noqa: F403
from retivo.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.retivo.database.change"]
