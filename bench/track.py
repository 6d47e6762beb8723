"""Batch ingestion against the peer, the best bare SQL for the same rows, and the plain serializer way, in one run."""

import itertools
import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
from django.db import connections, models
from django.utils import timezone
from rest_framework import serializers

from bench import batches, cpu, load, peer, report, server
from bench.batches import EVENTS
from bench.server import Server
from events.scoring import services as scoring
from tenants import services as tenants
from tenants.access import keys
from tenants.context import staff_context

USERS = 5_000
MANY_USERS = 1_000_000
CONNECTIONS = 16
BARE_CONNECTIONS = 4
MEMORY_EVENTS = 1_000_000


def measure(seconds: float) -> list[report.Figure]:
    """`seconds` is the length of one round of one measurement."""
    with server.database():
        tenant_id, key = make_tenant()
        make_peer_tables(tenant_id, key)
        with server.gunicorn() as ours, server.peer() as theirs:
            known = batches.requests(key, users=batches.in_turn(USERS), keys=batches.counting("known"))
            load.run(ours, known, connections=4, seconds=0, at_least=USERS // EVENTS // 4 + 1)
            counted = batches.requests(key, users=batches.in_turn(USERS), keys=batches.counting("counted"))
            cold = load.run(ours, counted, connections=CONNECTIONS, seconds=2 * seconds)
            vacuum()
            return [
                *_against_the_peer(ours, theirs, key, counted, cold=cold, seconds=seconds),
                *_against_sql(ours, counted, str(tenant_id), seconds),
                report.figure(
                    f"a worker's memory after {MEMORY_EVENTS:,} events more",
                    _growth_over(MEMORY_EVENTS // EVENTS, ours, counted),
                    "×",
                    at_most=1.1,
                ),
                *among_many(ours, MANY_USERS, seconds),
            ]


def make_tenant() -> tuple[UUID, str]:
    """A tenant without a limit that a benchmark reaches, and its key."""
    with staff_context():
        tenant, key = tenants.create_partner(actor="api_key:bench", name="Bench", slug="bench")
        tenants.update_tenant(
            actor="api_key:bench", tenant_id=tenant.id, changes={"tracked_user_limit": 10 * MANY_USERS}
        )
    return tenant.id, key.text


def make_peer_tables(tenant_id: UUID, *api_keys: str) -> None:
    with connections["owner"].cursor() as cursor:
        for statement in filter(str.strip, peer.TABLES.split(";")):
            cursor.execute(statement)
        for key in api_keys:
            cursor.execute("INSERT INTO peer_key VALUES (%s, %s, '{full}')", [keys.digest(key), tenant_id])


def vacuum() -> None:
    """As autovacuum will do."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _against_the_peer(
    ours: Server,
    theirs: Server,
    key: str,
    counted: Callable[[int], load.Request],
    *,
    cold: load.Result,
    seconds: float,
) -> list[report.Figure]:
    random = batches.requests(key, users=batches.in_turn(USERS), keys=batches.scattered)
    size = batches.stored_bytes()

    def turn(to: Server, make: Callable[[int], load.Request]) -> Callable[[], load.Result]:
        return lambda: load.run(to, make, connections=CONNECTIONS, seconds=seconds)

    warm, their_warm, scattered, their_scattered = load.rounds(
        turn(ours, counted), turn(theirs, counted), turn(ours, random), turn(theirs, random)
    )
    stored = (len(warm.seconds) + len(scattered.seconds)) * EVENTS
    bytes_each = (batches.stored_bytes() - size) / stored
    return [
        *cpu_figures("track × 100, keys that count up", warm),
        *cpu_figures("the peer × 100, keys that count up", their_warm),
        report.figure("track / peer, keys that count up", warm.cpu_ms / their_warm.cpu_ms, "×", at_most=1.1),
        *cpu_figures("track × 100, random keys", scattered),
        *cpu_figures("the peer × 100, random keys", their_scattered),
        report.figure("track / peer, random keys", scattered.cpu_ms / their_scattered.cpu_ms, "×", at_most=1.3),
        report.figure("track × 100, cold: no statistics, never vacuumed", cold.cpu_ms, "ms CPU"),
        report.figure("cold / warm", cold.cpu_ms / warm.cpu_ms, "×", at_most=1.1),
        report.figure("an event with its key, half of them random", bytes_each, "bytes", at_most=300),
        report.figure(f"track over {CONNECTIONS} connections", warm.per_second * EVENTS, "events/s"),
        report.figure("track, p50", warm.percentile(50), "ms"),
        report.figure("track, p99", warm.percentile(99), "ms", at_most=150),
    ]


def among_many(ours: Server, users: int, seconds: float) -> list[report.Figure]:
    """Random users of many, and the scoring that they cause, which the worker does when their hour is over.

    Next to no user comes twice, which costs most: whoever comes again within the hour is scored once for all of it.
    """
    with staff_context():
        other, other_key = tenants.create_partner(actor="api_key:bench", name="Many", slug=f"many-{users}")
        tenants.update_tenant(actor="api_key:bench", tenant_id=other.id, changes={"tracked_user_limit": 10 * users})
    batches.add_users(str(other.id), users)
    scoring.score_tenant(other.id, everyone=True)
    vacuum()

    def send() -> load.Result:
        random = batches.requests(other_key.text, users=batches.at_random(users), keys=batches.scattered)
        return load.run(ours, random, connections=CONNECTIONS, seconds=2.5 * seconds)

    sent = send()
    before = cpu.spent()
    scoring.score_tenant(other.id, now=timezone.now() + timedelta(minutes=66))
    scored = cpu.spent() - before
    again = send()
    scoring_ms = scored.request / len(sent.seconds) * 1000
    return [
        *cpu_figures(f"track × 100, random among {users:,} users", sent),
        report.figure("the scoring that it causes, a batch", scoring_ms, "ms CPU"),
        report.figure("both, if each user comes once an hour", sent.cpu_ms + scoring_ms, "ms CPU", at_most=6),
        *cpu_figures("the same users again", again),
    ]


def cpu_figures(name: str, result: load.Result, *, at_most: float | None = None) -> list[report.Figure]:
    """What a request costs, and whom."""
    count = len(result.seconds)
    return [
        report.figure(name, result.cpu_ms, "ms CPU", at_most=at_most),
        report.figure("  of it PostgreSQL", result.cpu.backends / count * 1000, "ms CPU"),
        report.figure("  apart: PostgreSQL's background", result.cpu.background / count * 1000, "ms CPU"),
    ]


def _against_sql(
    ours: Server, counted: Callable[[int], load.Request], tenant_id: str, seconds: float
) -> list[report.Figure]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(_BARE_TABLE)
        cursor.execute("CREATE INDEX ON bench_event USING brin (received_at)")
    numbers = itertools.count()
    bare, track = load.rounds(
        lambda: _bare(tenant_id, numbers, seconds),
        lambda: load.run(ours, counted, connections=CONNECTIONS, seconds=seconds),
        count=3,
    )
    plain = _plain(tenant_id, numbers, min(seconds, 2))
    limit, per_second = bare.per_second * EVENTS, track.per_second * EVENTS
    return [
        report.figure(f"L: bare SQL over {BARE_CONNECTIONS} connections", limit, "events/s"),
        report.figure("track / L", per_second / limit, "×", at_least=0.5),
        report.figure("DRF serializers and bulk_create, no HTTP", plain, "events/s"),
        report.figure("track / serializers", per_second / plain, "×", at_least=4),
    ]


def _growth_over(count: int, ours: Server, batch: Callable[[int], load.Request]) -> float:
    """The workers' memory afterwards over before, of the one that grew most."""
    workers = ours.process.children()
    before = [worker.memory_info().rss for worker in workers]
    load.run(ours, batch, connections=CONNECTIONS, seconds=0, at_least=count // CONNECTIONS)
    ratios: list[float] = [worker.memory_info().rss / was for worker, was in zip(workers, before, strict=True)]
    return max(ratios)


_BARE_TABLE = """
    CREATE TABLE bench_event (
        id bigint GENERATED ALWAYS AS IDENTITY, tenant_id uuid NOT NULL, received_at timestamptz NOT NULL DEFAULT now(),
        timestamp timestamptz NOT NULL, user_id text NOT NULL, name text NOT NULL, idempotency_key text NOT NULL,
        properties jsonb NOT NULL, UNIQUE (tenant_id, idempotency_key)
    )
"""

_BARE = """
    INSERT INTO bench_event (tenant_id, timestamp, user_id, name, idempotency_key, properties)
    SELECT %(tenant_id)s::uuid, now(), user_id, event, idempotency_key, properties
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (user_id text, event text, idempotency_key text, properties jsonb)
    ON CONFLICT DO NOTHING
"""


def _rows(number: int) -> str:
    return batches.rows(batches.in_turn(USERS)(number), batches.counting("bare")(number))


def _bare(tenant_id: str, numbers: "itertools.count[int]", seconds: float) -> load.Result:
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
                bare.execute(_BARE, {"tenant_id": tenant_id, "rows": rows}, prepare=True)
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
        form = _PlainEvent(data=json.loads(_rows(next(numbers))), many=True)
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
