"""Keeping the tables of events in step with time: four jobs, each retried by itself, whatever becomes of the others.

A job does one thing a transaction and waits a tenth of a second for its lock, because whatever comes after it waits as
long. What it finds to do depends on the database alone, so what was missed is caught up. The functions stand in
`events/sql`.
"""

import time
from collections.abc import Sequence

import structlog
from django.db import OperationalError, connection
from psycopg.errors import DeadlockDetected, LockNotAvailable

log = structlog.get_logger("retivo.partitions")

# The functions, each of which says what it did, or null where nothing is left to do.
JOBS = {
    "made": "make_event_partition",
    "dropped": "drop_event_partition",
    "emptied": "empty_key_ring",
    "forgotten": "empty_rejection_ring",
}

PAUSES: Sequence[float] = (0.2, 0.5, 1, 2)  # seconds between the attempts of a round


class PartitionsError(Exception):
    """Some jobs could not get their locks in this round; the others are done."""


class _BusyError(Exception):
    """A job did not get its lock."""


def maintain() -> dict[str, list[str]]:
    """Do all there is to do; of each job the partitions that it made, dropped or emptied.

    Raises:
        PartitionsError: a job did not get its lock at any attempt. It is safe to try again, at any time.
        OperationalError: the database is away.
    """
    done: dict[str, list[str]] = {}
    failed = []
    for job, function in JOBS.items():
        done[job] = []
        try:
            _work_off(function, done[job])
        except _BusyError:
            log.warning("partitions_busy", job=job)
            failed.append(function)
    if failed:
        raise PartitionsError(f"Could not get their locks: {', '.join(failed)}.")
    return done


def _work_off(function: str, done: list[str]) -> None:
    pauses = iter(PAUSES)
    while True:
        try:
            name = _call(function)
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable | DeadlockDetected):
                raise
            pause = next(pauses, None)
            if pause is None:
                raise _BusyError from error
            time.sleep(pause)
        else:
            if name is None:
                return
            done.append(name)


def _call(function: str) -> str | None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}()")
        name: str | None = cursor.fetchone()[0]
    return name
