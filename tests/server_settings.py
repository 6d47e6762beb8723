"""The settings of the tests' server: where many requests of one tenant at once are the test, none is refused for it."""

from retivo.settings import *  # noqa: F403

TENANT_THREADS = PARTNER_THREADS = UNKNOWN_KEYS_THREADS = 1000

# Nor for having waited longest of them for a row, on a machine that is slow.
for database in DATABASES.values():  # noqa: F405
    database["OPTIONS"]["options"] = "-c lock_timeout=60s -c statement_timeout=60s"
