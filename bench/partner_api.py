"""The Partner API against a hello view of the same gunicorn and against the bare SQL, in one run."""

import json
import time
from typing import Any

import orjson
import psycopg
from django.db import connection, connections

from bench import load, report
from bench.server import Server, database, gunicorn
from integrations import services as integrations
from partners.customers import listing
from partners.customers import services as customers
from tenants import services as tenants
from tenants.context import staff_context, tenant_context
from tenants.models import Tenant, TenantRole

CUSTOMERS = 10_000
MANY_CUSTOMERS = 100_000
EVENTS = 100_000
CONNECTIONS = 16


def measure(seconds: float) -> list[report.Figure]:
    """`seconds` is the length of one round of one measurement."""
    with database():
        partner, key = _populate()
        with gunicorn() as server:
            return [
                *_get(server, key, seconds),
                *_list(server, key, seconds),
                *_feed(server, key, partner, seconds),
                *_provision(server, key, partner, seconds),
                *_by_own_ids(server, seconds),
            ]


def _populate() -> tuple[Tenant, str]:
    with staff_context():
        partner, key = tenants.create_partner(actor="api_key:bench", name="Bench", slug="bench")
        for number in range(2):
            integrations.register(
                actor="api_key:bench",
                partner_id=partner.id,
                provider=f"bench-{number}",
                display_name="Bench",
                domain="",
                action_type_templates=[
                    {"name": f"action_{n}", "delivery_webhook": "https://hooks.bench.example/"} for n in range(5)
                ],
                event_mappings=[],
            )
        Tenant.objects.bulk_create(
            (
                Tenant(name=f"Merchant {n}", slug=f"m-{n}", tenant_role=TenantRole.CUSTOMER, parent_id=partner.id)
                for n in range(CUSTOMERS)
            ),
            batch_size=1000,
        )
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE")
    return partner, key.text


def _get(server: Server, key: str, seconds: float) -> list[report.Figure]:
    with staff_context():
        customers = list(Tenant.objects.filter(tenant_role=TenantRole.CUSTOMER).values_list("id", flat=True)[:500])
    requests = [load.request(f"/api/partners/customers/{customer}", key=key) for customer in customers]
    hello = load.request("/bench/hello")

    def load_hello() -> load.Result:
        return load.run(server, lambda n: hello, connections=CONNECTIONS, seconds=seconds)

    def load_get() -> load.Result:
        return load.run(server, lambda n: requests[n % len(requests)], connections=CONNECTIONS, seconds=seconds)

    hellos, gets = load.rounds(load_hello, load_get)
    return [
        *_speed("hello view", hellos),
        *_speed("get customer", gets),
        report.figure("get customer / hello view", gets.per_second / hellos.per_second, "×", at_least=0.5),
    ]


def _list(server: Server, key: str, seconds: float) -> list[report.Figure]:
    message = load.request("/api/partners/customers", key=key)
    query = listing.statement(listing.CustomerFilter(), listing.Page())
    query = query.replace("%(partner_id)s", "(SELECT id FROM tenants_tenant WHERE slug = 'bench')")

    def load_list() -> load.Result:
        return load.run(server, lambda n: message, connections=1, seconds=seconds)

    owner = connections["owner"]
    owner.ensure_connection()
    with psycopg.Cursor(owner.connection, row_factory=psycopg.rows.dict_row) as cursor:

        def bare() -> load.Result:
            latencies, started = [], time.perf_counter()
            while time.perf_counter() - started < seconds:
                begun = time.perf_counter()
                orjson.dumps(cursor.execute(query, prepare=True).fetchall())
                latencies.append(time.perf_counter() - begun)
            return load.Result(latencies, time.perf_counter() - started)

        bares, lists = load.rounds(bare, load_list)
    return [
        report.figure("bare list query with orjson, p50", bares.percentile(50), "ms"),
        *_speed(f"list {CUSTOMERS} customers", lists),
        report.figure(
            "list customers / bare query, p50", lists.percentile(50) / bares.percentile(50), "×", at_most=2.5
        ),
    ]


def _feed(server: Server, key: str, partner: Tenant, seconds: float) -> list[report.Figure]:
    """A page of 100 events from the middle of 100,000."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(_EVENTS, {"partner_id": partner.id, "events": EVENTS})
        cursor.execute("ANALYZE tenants_partnerevent")
        cursor.execute(_MIDDLE, {"partner_id": partner.id, "seq": EVENTS // 2})
        (after,) = cursor.fetchone()
    message = load.request(f"/api/partners/events?after={after}", key=key)
    found = load.run(server, lambda n: message, connections=1, seconds=seconds)
    return [
        report.figure("feed page of 100, p50", found.percentile(50), "ms"),
        report.figure("feed page of 100, web and PostgreSQL", found.cpu_ms, "ms CPU", at_most=5),
    ]


_EVENTS = """
    INSERT INTO tenants_partnerevent (tenant_id, type, version, customer_id, actor, data)
    SELECT %(partner_id)s, 'customer.updated', 1, gen_random_uuid(), 'api_key:' || gen_random_uuid(),
           '{"changed": ["plan_tier", "config.overage"]}'
      FROM generate_series(1, %(events)s)
"""
_MIDDLE = "SELECT id FROM tenants_partnerevent WHERE tenant_id = %(partner_id)s AND seq = %(seq)s"


def _by_own_ids(server: Server, seconds: float) -> list[report.Figure]:
    """What a partner's nightly job sends: each customer as it is, by the partner's own id."""
    with staff_context():
        partner, key = tenants.create_partner(actor="api_key:bench", name="Many", slug="many")
    with connections["owner"].cursor() as cursor:
        cursor.execute(_MANY, {"partner_id": partner.id, "customers": MANY_CUSTOMERS})
        cursor.execute("ANALYZE tenants_tenant")
    body = json.dumps({"name": "Merchant", "plan_tier": "starter", "metadata": {"region": "eu"}}).encode()

    def upsert(number: int) -> bytes:
        path = f"/api/partners/customers/ext:shop-{number * 7919 % MANY_CUSTOMERS}"
        return load.request(path, key=key.text, body=body).replace(b"POST", b"PUT", 1)

    def listed(number: int) -> bytes:
        path = f"/api/partners/customers?external_id=shop-{number * 7919 % MANY_CUSTOMERS}"
        return load.request(path, key=key.text)

    upserts, lists = load.rounds(
        lambda: load.run(server, upsert, connections=1, seconds=seconds),
        lambda: load.run(server, listed, connections=1, seconds=seconds),
    )
    among = f"among {MANY_CUSTOMERS:,} customers"
    return [
        report.figure(f"upsert that changes nothing, {among}, p50", upserts.percentile(50), "ms"),
        report.figure("the same, web and PostgreSQL", upserts.cpu_ms, "ms CPU", at_most=2),
        report.figure(f"list with external_id, {among}, p50", lists.percentile(50), "ms"),
        report.figure("the same, web and PostgreSQL", lists.cpu_ms, "ms CPU", at_most=5),
    ]


_MANY = """
    INSERT INTO tenants_tenant
        (id, name, slug, tenant_role, parent_id, plan_tier, plan_status, tracked_user_limit, config, external_id,
         metadata)
    SELECT gen_random_uuid(), 'Merchant', 'many-' || n, 'customer', %(partner_id)s, 'starter', 'active', 1000, '{}',
           'shop-' || n, '{"region": "eu"}'
      FROM generate_series(0, %(customers)s - 1) n
"""


def _provision(server: Server, key: str, partner: Tenant, seconds: float) -> list[report.Figure]:
    def make(number: int) -> bytes:
        stamp = f"{time.monotonic_ns()}-{number}"
        return load.request(
            "/api/partners/customers", key=key, body=json.dumps({"name": "M", "slug": f"p-{stamp}"}).encode()
        )

    def load_provision() -> load.Result:
        return load.run(server, make, connections=CONNECTIONS, seconds=seconds, status=201)

    def bare() -> load.Result:
        latencies, started = [], time.perf_counter()
        while time.perf_counter() - started < seconds:
            begun = time.perf_counter()
            with tenant_context(partner.id):
                customers.provision_customer(
                    actor="api_key:bench", partner_id=partner.id, name="M", slug=f"b-{time.monotonic_ns()}"
                )
            latencies.append(time.perf_counter() - begun)
        return load.Result(latencies, time.perf_counter() - started)

    bares, provisions = load.rounds(bare, load_provision)
    return [
        *_speed("provision", provisions),
        report.figure("provision's SQL alone, one connection, p50", bares.percentile(50), "ms"),
        report.figure("provision, SQL statements", _statements(partner), "statements", at_most=14),
    ]


def _statements(partner: Tenant) -> float:
    """Of a whole request: what the service sends, BEGIN, COMMIT, the look-up of the key and three of idempotency."""
    sent: list[str] = []

    def count(execute: Any, sql: str, *args: Any) -> Any:
        sent.append(sql)
        return execute(sql, *args)

    with tenant_context(partner.id), connection.execute_wrapper(count):
        slug = f"c-{time.monotonic_ns()}"
        customers.provision_customer(actor="api_key:bench", partner_id=partner.id, name="M", slug=slug)
    return len(sent) + 6


def _speed(name: str, result: load.Result) -> list[report.Figure]:
    return [
        report.figure(f"{name}, requests", result.per_second, "1/s"),
        report.figure(f"{name}, p50", result.percentile(50), "ms"),
        report.figure(f"{name}, p99", result.percentile(99), "ms"),
        report.figure(f"{name}, web and PostgreSQL", result.cpu_ms, "ms CPU"),
    ]
