"""`make bench-deletion`: a tenant with a million events is deleted and certified. BENCH_EVENTS=1000000."""

import os
import time

import django

from retivo import processes
from retivo.database import embedded_postgres


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    processes.work_in_background()  # this process does the worker's part
    embedded_postgres.start_if_configured()
    django.setup()
    from bench import report  # late: they import models
    from bench.server import database

    events = int(os.environ.get("BENCH_EVENTS", "1000000"))
    with database():
        report.publish("deletion", measure(events))


def measure(events: int) -> "list[report.Figure]":  # type: ignore[name-defined]  # noqa: F821
    """A customer with so many events, of a hundredth as many users, beside another one that is as large."""
    from django.db import connections

    from bench import report
    from tenants.context import staff_context
    from tenants.deletion import job, services
    from tenants.models import Deletion, DeletionStatus, Tenant
    from tenants.services import create_partner

    with staff_context():
        partner, _ = create_partner(actor="command:bench", name="Bench", slug="bench")
    ids = []
    with connections["owner"].cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for slug in ("gone", "kept"):
            cursor.execute(_CUSTOMER, {"partner_id": partner.id, "slug": slug})
            (customer_id,) = cursor.fetchone()
            ids.append(customer_id)
            for statement in _FILL:
                cursor.execute(statement, {"tenant_id": customer_id, "events": events})
        cursor.execute("ANALYZE")
    with staff_context():
        tenant = services.locked(tenant_id=ids[0])
        scheduled = services.schedule(actor="command:bench", tenant=tenant, grace_days=0)
    started = time.perf_counter()
    job.run_due()
    seconds = time.perf_counter() - started
    with staff_context():
        deletion = Deletion.objects.get(id=scheduled.id)
        assert deletion.status == DeletionStatus.VERIFIED, deletion.failure
        assert Tenant.objects.filter(id=ids[1]).exists()
    return [
        report.figure("rows deleted and counted", deletion.rows_deleted, "rows"),
        report.figure(f"deletion of a tenant with {events:,} events", seconds, "s", at_most=300),
        report.figure("rows a second", deletion.rows_deleted / seconds, "1/s"),
    ]


_CUSTOMER = """
    INSERT INTO tenants_tenant
        (id, name, slug, tenant_role, parent_id, plan_tier, plan_status, tracked_user_limit, config)
    VALUES (gen_random_uuid(), %(slug)s, %(slug)s, 'customer', %(partner_id)s, 'scale', 'active', 1000000, '{}')
    RETURNING id
"""

# Users, the months they were active in, three months of events, and the keys of the last two days.
_FILL = [
    """
    INSERT INTO events_trackeduser
        (tenant_id, user_id, name, email, company, role, locale, traits, lifecycle_stage, opted_out, last_activity_at)
    SELECT %(tenant_id)s, 'user-' || n, '', '', '', '', '', '{"plan": "pro"}', 'new', false, now()
    FROM generate_series(1, %(events)s::int / 100) n
    """,
    """
    INSERT INTO events_event (tenant_id, timestamp, user_id, name, source, properties, retention_days, month)
    SELECT %(tenant_id)s, t.at, 'user-' || 1 + n %% (%(events)s::int / 100), 'order.completed', 'api',
        '{"value": 20, "currency": "EUR"}', 400, date_trunc('month', t.at AT TIME ZONE 'UTC')::date
    FROM generate_series(1, %(events)s::int) n
    CROSS JOIN LATERAL (SELECT now() - make_interval(secs => n %% 2000000)) AS t (at)
    """,
    """
    INSERT INTO events_storedkey (tenant_id, key)
    SELECT %(tenant_id)s, (key_ring(now()) || substr(md5(n || %(tenant_id)s::text), 5))::uuid
    FROM generate_series(1, %(events)s::int / 5) n ON CONFLICT DO NOTHING
    """,
]


if __name__ == "__main__":
    main()
