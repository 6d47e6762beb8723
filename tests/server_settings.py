"""The settings of the tests' server: where many requests of one tenant at once are the test, none is refused for it."""

from retivo.settings import *  # noqa: F403

TENANT_THREADS = UNKNOWN_KEYS_THREADS = 1000
