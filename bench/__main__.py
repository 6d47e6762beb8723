"""`make bench`: every benchmark, a table each. BENCH_SECONDS is the length of one round (default 4)."""

import os

import django

from retivo import processes
from retivo.database import embedded_postgres


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    processes.work_in_background()  # this process does the worker's part
    embedded_postgres.start_if_configured()
    django.setup()
    from bench import delivery, partner_api, recommend, report, rollouts, track  # late: they import models

    seconds = float(os.environ.get("BENCH_SECONDS", "4"))
    for benchmark in (partner_api, rollouts, track, delivery, recommend):
        report.publish(benchmark.__name__.rpartition(".")[2], benchmark.measure(seconds))


if __name__ == "__main__":
    main()
