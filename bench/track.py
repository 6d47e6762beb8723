"""Batch ingestion against the best bare SQL for the same rows, and against the plain serializer way, in one run."""

import itertools
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil  # type: ignore[import-untyped]
import psycopg
from django.db import connections, models
from django.utils import timezone
from rest_framework import serializers

from bench import load, report
from bench.server import database, gunicorn
from tenants import services as tenants
from tenants.context import staff_context

EVENTS = 100
USERS = 5_000
CONNECTIONS = 16
BARE_CONNECTIONS = 4
MEMORY_EVENTS = 1_000_000


def measure(seconds: float) -> list[report.Figure]:
    """`seconds` is the length of one round of one measurement."""
    with database():
        with staff_context():
            tenant, key = tenants.create_partner(actor="bench", name="Bench", slug="bench")
            tenants.update_tenant(actor="bench", tenant=tenant, changes={"tracked_user_limit": 10 * USERS})
        _make_bare_tables()
        numbers = itertools.count()

        def batch(_: int) -> bytes:
            return load.request("/api/track", key=key.text, body=_body(next(numbers)))

        with gunicorn() as port:
            for _ in _BODIES:  # all users known, as they are for most of a month
                load.run(port, batch, connections=1, seconds=0)
            with connections["owner"].cursor() as cursor:
                cursor.execute("VACUUM ANALYZE")  # as autovacuum will have done
            bare, same_tables, ours = load.rounds(
                lambda: _bare(_BARE, str(tenant.id), numbers, seconds),
                lambda: _bare(_BARE_IN_OUR_TABLES, str(tenant.id), numbers, seconds),
                lambda: load.run(port, batch, connections=CONNECTIONS, seconds=seconds),
            )
            growth = _growth_over(MEMORY_EVENTS // EVENTS, port, batch)
        plain = _plain(str(tenant.id), numbers, min(seconds, 2))
    per_second = ours.per_second * EVENTS
    limit, limit_in_our_tables = bare.per_second * EVENTS, same_tables.per_second * EVENTS
    return [
        report.figure(f"L: bare SQL over {BARE_CONNECTIONS} connections", limit, "events/s"),
        report.figure("the same into our own tables", limit_in_our_tables, "events/s"),
        report.figure(f"track over {CONNECTIONS} connections", per_second, "events/s"),
        report.figure("track, p50", ours.percentile(50), "ms"),
        report.figure("track, p99", ours.percentile(99), "ms", at_most=150),
        report.figure("track / L", per_second / limit, "×", at_least=0.5),
        report.figure("track / bare SQL into our own tables", per_second / limit_in_our_tables, "×"),
        report.figure("DRF serializers and bulk_create, no HTTP", plain, "events/s"),
        report.figure("track / serializers", per_second / plain, "×", at_least=4),
        report.figure(f"a worker's memory after {MEMORY_EVENTS:,} events more", growth, "×", at_most=1.1),
    ]


def _growth_over(batches: int, port: int, batch: Callable[[int], load.Request]) -> float:
    """The workers' memory afterwards over before, of the one that grew most."""
    workers = [process for child in psutil.Process().children() for process in child.children()]
    before = [worker.memory_info().rss for worker in workers]
    load.run(port, batch, connections=CONNECTIONS, seconds=0, at_least=batches // CONNECTIONS)
    ratios: list[float] = [worker.memory_info().rss / was for worker, was in zip(workers, before, strict=True)]
    return max(ratios)


_MARK = "@batch@"


def _events(number: int) -> list[dict[str, Any]]:
    return [
        {
            "user_id": f"user-{(number * EVENTS + n) % USERS}",
            "event": "page_viewed",
            "properties": {"path": f"/products/{n}", "value": n * 1.5, "campaign": "spring"},
            "idempotency_key": f"{_MARK}-{n}",
        }
        for n in range(EVENTS)
    ]


# Made once: whatever makes the JSON is not what is measured.
_ROWS = [json.dumps(_events(number)) for number in range(USERS // EVENTS)]
_BODIES = [f'{{"events": {rows}}}'.encode() for rows in _ROWS]


def _rows(number: int) -> str:
    """100 events under keys of their own."""
    return _ROWS[number % len(_ROWS)].replace(_MARK, f"b{number}")


def _body(number: int) -> bytes:
    return _BODIES[number % len(_BODIES)].replace(_MARK.encode(), b"t%d" % number)


def _make_bare_tables() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bench_event (id bigint GENERATED ALWAYS AS IDENTITY, tenant_id uuid NOT NULL,"
            " received_at timestamptz NOT NULL DEFAULT now(),"
            " timestamp timestamptz NOT NULL, user_id text NOT NULL, name text NOT NULL, idempotency_key text NOT NULL,"
            " properties jsonb NOT NULL, UNIQUE (tenant_id, idempotency_key))"
        )
        cursor.execute("CREATE INDEX ON bench_event USING brin (received_at)")


_BARE = """
    INSERT INTO bench_event (tenant_id, timestamp, user_id, name, idempotency_key, properties)
    SELECT %(tenant_id)s::uuid, now(), user_id, event, idempotency_key, properties
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (user_id text, event text, idempotency_key text, properties jsonb)
    ON CONFLICT DO NOTHING
"""


# The rows that track writes, without a look-up, a limit, an isolation or a duplicate to think of.
_BARE_IN_OUR_TABLES = """
    WITH sent AS MATERIALIZED (
        SELECT user_id, event, properties, substring(sha256(convert_to(idempotency_key, 'UTF8')) FOR 16) AS key
        FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (user_id text, event text, idempotency_key text, properties jsonb)
    ), key AS (
        INSERT INTO events_eventkey (tenant_id, key, ring) SELECT %(tenant_id)s::uuid, key, 0 FROM sent
        ON CONFLICT DO NOTHING
    )
    INSERT INTO events_event (tenant_id, timestamp, user_id, name, source, properties, retention_days, month)
    SELECT %(tenant_id)s::uuid, now(), user_id, event, 'bare', properties, 90, date_trunc('month', now()) FROM sent
"""


def _bare(sql: str, tenant_id: str, numbers: "itertools.count[int]", seconds: float) -> load.Result:
    """The rows as they are, from JSON that is made before the clock starts for each of them."""
    latencies: list[float] = []
    parameters = connections["owner"].get_connection_params()
    parameters.pop("cursor_factory")
    parameters.pop("context")

    def work() -> None:
        with psycopg.connect(**parameters, autocommit=True) as bare:
            while time.perf_counter() - started < seconds:
                rows = _rows(next(numbers))
                begun = time.perf_counter()
                bare.execute(sql, {"tenant_id": tenant_id, "rows": rows}, prepare=True)
                latencies.append(time.perf_counter() - begun)

    started = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(BARE_CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return load.Result(latencies, time.perf_counter() - started)


class _PlainEvent(serializers.Serializer[Any]):
    user_id = serializers.CharField(max_length=255)
    event = serializers.CharField(max_length=255)
    properties = serializers.DictField()
    idempotency_key = serializers.CharField(max_length=128)


class _PlainRow(models.Model):
    tenant_id = models.UUIDField()
    timestamp = models.DateTimeField()
    user_id = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    idempotency_key = models.CharField(max_length=128)
    properties = models.JSONField()

    class Meta:
        app_label = "bench"
        managed = False
        db_table = "bench_event"

    def __str__(self) -> str:
        return self.name


def _plain(tenant_id: str, numbers: "itertools.count[int]", seconds: float) -> float:
    """Events a second of one process, the way most projects are written; HTTP would only slow it down."""
    stored, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        form = _PlainEvent(data=json.loads(_body(next(numbers)))["events"], many=True)
        form.is_valid(raise_exception=True)
        with staff_context():
            _PlainRow._default_manager.bulk_create(
                [
                    _PlainRow(
                        tenant_id=tenant_id,
                        timestamp=timezone.now(),
                        user_id=row["user_id"],
                        name=row["event"],
                        idempotency_key=row["idempotency_key"],
                        properties=row["properties"],
                    )
                    for row in form.validated_data
                ],
                ignore_conflicts=True,
            )
        stored += EVENTS
    return stored / (time.perf_counter() - started)
