"""`make bench-growth`: what a request costs when much is stored, and the periodic rounds when nothing is to be done.

BENCH_SCALE shrinks every size (0.01 for a look in a minute or two), BENCH_SECONDS is the length of a round.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import django
from croniter import croniter

from retivo import processes
from retivo.database import embedded_postgres

if TYPE_CHECKING:  # they import models, and so are imported late below
    from bench.report import Figure
    from bench.server import Server

EVENTS = (1_000_000, 20_000_000)
USERS = 1_000_000
TENANTS = 10_000
CUSTOMERS = 100_000
IDLE_TENANTS = 100_000


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    processes.work_in_background()  # this process does the worker's part
    embedded_postgres.start_if_configured()
    django.setup()
    from bench import report, server

    scale = float(os.environ.get("BENCH_SCALE", "1"))
    seconds = float(os.environ.get("BENCH_SECONDS", "4"))
    with server.database():
        figures = _growing(scale, seconds)
        figures += _idle(int(IDLE_TENANTS * scale))
        report.publish("growth", figures)


def _growing(scale: float, seconds: float) -> "list[Figure]":
    from bench import batches, server
    from bench.track import among_many, vacuum
    from partners.customers import services as partners
    from tenants import services as tenants
    from tenants.context import staff_context, tenant_context

    users = int(USERS * scale)
    with staff_context():
        partner, partners_key = tenants.create_partner(actor="api_key:bench", name="Bench", slug="bench")
    _add_tenants(int(CUSTOMERS * scale), "customer", parent_id=partner.id)
    _add_tenants(int(TENANTS * scale), "other")
    with tenant_context(partner.id):
        made = partners.provision_customer(
            actor="api_key:bench", partner_id=partner.id, name="M", slug="merchant", tracked_user_limit=2_000_000_000
        )["customer"]
    key: str = made["api_key"]
    batches.add_users(str(made["tenant_id"]), users)
    vacuum()
    with server.gunicorn() as ours:
        return [
            *_reads(ours, key, _LISTS_OF_USERS, f"of {users:,} users", seconds),
            *_reads(ours, partners_key.text, _LISTS_OF_A_PARTNER, f"of {CUSTOMERS * scale:,.0f} customers", seconds),
            *among_many(ours, users, seconds),
            *_filling(ours, key, users, [int(count * scale) for count in EVENTS], seconds),
        ]


_LISTS_OF_USERS = {
    "a page": ("/api/customers", 10),
    "stage and risk, no match": ("/api/customers?stage=churned&risk=high", 50),
    "opted out, no match": ("/api/customers?opted_out=true", 50),
    "score, no match": ("/api/customers?health_min=0.99", 50),
    "search that matches all": ("/api/customers?search=u", 50),
    "search that matches few, opted out": ("/api/customers?search=u1000&opted_out=true", 50),
}

_LISTS_OF_A_PARTNER = {
    "a page": ("/api/partners/customers?limit=50", None),
    "part of a name, no match": ("/api/partners/customers?limit=50&q=nobody", None),
    "integrations": ("/api/partners/integrations?limit=1", None),
    "stats, a page": ("/api/partners/stats?limit=50", None),
}


def _reads(
    ours: "Server", key: str, lists: "Mapping[str, tuple[str, float | None]]", of: str, seconds: float
) -> "list[Figure]":
    """One request after the other: some may take long, which is what is looked for."""
    from bench import load, report

    figures = []
    for name, (path, goal) in lists.items():
        make = _always(load.request(path, key=key))
        found = load.run(ours, make, connections=1, seconds=seconds / 2, at_least=3)
        figures.append(report.figure(f"{name}, {of}, p50", found.percentile(50), "ms", at_most=goal))
        figures.append(report.figure("  web and PostgreSQL", found.cpu_ms, "ms CPU"))
    return figures


def _always(message: bytes) -> "Callable[[int], bytes]":
    return lambda _: message


def _filling(ours: "Server", key: str, users: int, sizes: "Iterable[int]", seconds: float) -> "list[Figure]":
    """Track on top of so many events each."""
    from bench import batches, load, report
    from bench.track import CONNECTIONS, cpu_figures

    random, figures, stored = batches.at_random(users), [], 0
    for size in sizes:
        count = max(1, (size - stored) // batches.EVENTS // CONNECTIONS)
        filling = batches.requests(key, users=random, keys=batches.scattered)
        sent = load.run(ours, filling, connections=CONNECTIONS, seconds=0, at_least=count)
        stored += len(sent.seconds) * batches.EVENTS
        for name, keys in {"that count up": batches.counting(f"at-{size}"), "random": batches.scattered}.items():
            make = batches.requests(key, users=random, keys=keys)
            sent = load.run(ours, make, connections=CONNECTIONS, seconds=seconds)
            figures += cpu_figures(f"track × 100 on {stored:,} events, keys {name}", sent)
            stored += len(sent.seconds) * batches.EVENTS
        each = batches.stored_bytes() / stored
        figures.append(report.figure(f"an event with its key, of {stored:,}", each, "bytes", at_most=300))
    return figures


def _idle(count: int) -> "list[Figure]":
    """Every periodic task, over tenants with a user and a decision that were settled long ago."""
    from procrastinate.contrib.django import app

    from bench import cpu, report
    from bench.track import vacuum

    _add_idle_tenants(count)
    vacuum()
    figures, cores = [], 0.0
    for task in app.periodic_registry.periodic_tasks.values():
        if task.task.pass_context:  # the queue's own upkeep, which asks no tenant
            continue
        # Twice: what the first round settles once and for all is not what idling costs.
        for _ in range(2):
            before, started = cpu.spent(), time.perf_counter()
            task.task.func(timestamp=int(time.time()))
            _work_off_jobs()
            spent = cpu.spent() - before
        cores += spent.request / _seconds_between(task.cron)
        figures.append(report.figure(f"{task.task.name}, {count:,} idle tenants", spent.request * 1000, "ms CPU"))
        figures.append(report.figure("  its wall clock", time.perf_counter() - started, "s"))
    return [*figures, report.figure(f"all rounds, {count:,} idle tenants", cores, "cores", at_most=0.05)]


def _seconds_between(cron: str) -> float:
    times = croniter(cron, datetime.now(UTC))
    first: float = times.get_next()
    return float(times.get_next()) - first


def _work_off_jobs() -> None:
    """The chunks that a round shares out, one after the other; what the queue itself costs is left out."""
    from django.db import connections
    from procrastinate.contrib.django import app

    with connections["owner"].cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs WHERE status = 'todo' RETURNING task_name, args::text")
        jobs = cursor.fetchall()
    for name, arguments in jobs:
        app.tasks[name].func(**json.loads(arguments))


def _add_tenants(count: int, prefix: str, *, parent_id: UUID | None = None) -> None:
    """Customers of `parent_id`, or standalone ones."""
    from tenants.context import staff_context
    from tenants.models import Tenant, TenantRole

    role = TenantRole.CUSTOMER if parent_id else TenantRole.STANDALONE
    with staff_context():
        Tenant.objects.bulk_create(
            (
                Tenant(name=f"{prefix} {n}", slug=f"{prefix}-{n}", tenant_role=role, parent_id=parent_id)
                for n in range(count)
            ),
            batch_size=1000,
        )


def _add_idle_tenants(count: int) -> None:
    """One that has decided and been settled, and its rows again for each of the others."""
    from django.db import connections

    from decisions.lift import services as lift
    from decisions.recommending import services as recommending
    from decisions.recommending.situation import Request
    from decisions.upkeep import aftermath
    from events.scoring import services as scoring
    from events.users import services as users
    from tenants import services as tenants
    from tenants.context import staff_context, tenant_context

    now = datetime.now(UTC)
    with staff_context():
        tenant_id = tenants.create_partner(actor="api_key:bench", name="Idle", slug="idle")[0].id
    with tenant_context(tenant_id):
        users.save_user(tenant_id=tenant_id, user_id="u1", traits={})
        request = Request(user_id="u1")
        recommending.recommend(tenant_id=tenant_id, request=request, dispatch=False, dry_run=False, now=now)
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE decisions_decision SET created_at = created_at - interval '60 days'")
        # Those that were measured before sent events, and are not idle.
        cursor.execute("UPDATE events_monthlyusage SET active_at = active_at - interval '1 day'")
        cursor.execute("UPDATE events_scoringsweep SET asked_at = asked_at - interval '1 day'")
    scoring.score_tenant(tenant_id)
    aftermath.settle_tenant(tenant_id)
    with tenant_context(tenant_id):
        lift.keep_count(tenant_id=tenant_id, now=now)
    _add_tenants(count, "idle")
    with connections["owner"].cursor() as cursor:
        for table in ("events_trackeduser", "events_scoringsweep", "decisions_decision", "decisions_liftcount"):
            cursor.execute(_COLUMNS, {"table": table})
            columns = ", ".join(name for (name,) in cursor.fetchall())
            cursor.execute(
                f"INSERT INTO {table} (tenant_id, {columns}) SELECT other.other_id, {columns} FROM {table}"
                " CROSS JOIN (SELECT id AS other_id FROM tenants_tenant WHERE tenant_role = 'standalone') other"
                " WHERE tenant_id = %(tenant_id)s ON CONFLICT DO NOTHING",
                {"tenant_id": tenant_id},
            )


_COLUMNS = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = %(table)s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
      AND attname <> 'tenant_id'
"""

if __name__ == "__main__":
    main()
