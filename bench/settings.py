"""The project's own settings, with a hello view beside the API and no rate limit in the way."""

from retivo.settings import *  # noqa: F403

ROOT_URLCONF = "bench.urls"
RATE_LIMIT = "1000000000/60"

if name := env.str("BENCH_DATABASE", default=""):  # noqa: F405
    for database in DATABASES.values():  # noqa: F405
        database["NAME"] = name

# One tenant is all of the load here, and has all of the threads.
TENANT_THREADS = PARTNER_THREADS = UNKNOWN_KEYS_THREADS = 1000
