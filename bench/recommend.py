"""Recommendations for a tenant of a million users, get customer, and the peer's look-up by key, in one run."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from bench import batches, cpu, load, report, server
from bench.server import Server
from bench.track import cpu_figures, make_peer_tables, vacuum
from integrations import services as integrations
from partners.customers import services as partners
from tenants import services as tenants
from tenants.access import keys
from tenants.context import staff_context, tenant_context

USERS = 1_000_000
ACTION_TYPES = 10
CONNECTIONS = 16


def measure(seconds: float) -> list[report.Figure]:
    """`seconds` is the length of one round of one measurement."""
    with server.database():
        customer_id, partners_key, key = _populate()
        _populate_peer(customer_id, partners_key, key)
        customer = load.request(f"/api/partners/customers/{customer_id}", key=partners_key)
        random = Random(1)

        def recommend(_: int) -> load.Request:
            body = {"user_id": f"u{random.randrange(USERS)}"}
            return load.request("/api/decisions/recommend", key=key, body=json.dumps(body).encode())

        def turn(to: Server, make: Callable[[int], load.Request]) -> Callable[[], load.Result]:
            return lambda: load.run(to, make, connections=CONNECTIONS, seconds=seconds)

        with server.gunicorn() as ours, server.peer() as theirs:
            gets, their_gets, recommendations, their_look_ups = load.rounds(
                turn(ours, lambda _: customer),
                turn(theirs, lambda _: customer),
                turn(ours, recommend),
                turn(theirs, recommend),
            )
        looked_up_us, guarded_us = _effective_state(key)
        state_us = looked_up_us + guarded_us
    return [
        *cpu_figures("get customer", gets, at_most=0.95),
        report.figure("the peer's look-up of a customer", their_gets.cpu_ms, "ms CPU"),
        report.figure("get customer / peer", gets.cpu_ms / their_gets.cpu_ms, "×"),
        *cpu_figures("recommend", recommendations, at_most=2.1),
        report.figure("the peer's look-up of a user", their_look_ups.cpu_ms, "ms CPU"),
        report.figure("recommend / peer", recommendations.cpu_ms / their_look_ups.cpu_ms, "×"),
        report.figure("recommend / get customer, CPU", recommendations.cpu_ms / gets.cpu_ms, "×"),
        report.figure("the effective state, with the key, as every request looks it up", looked_up_us, "µs CPU"),
        report.figure("the same, and by a recommendation's guardrails", state_us, "µs CPU"),
        report.figure("of a recommendation", state_us / recommendations.cpu_ms / 10, "%", at_most=3),
        report.figure("get customer, requests", gets.per_second, "1/s"),
        report.figure("recommend, requests", recommendations.per_second, "1/s"),
        report.figure("recommend, p50", recommendations.percentile(50), "ms"),
        report.figure("recommend, p99", recommendations.percentile(99), "ms"),
        report.figure("recommend / get customer", recommendations.per_second / gets.per_second, "×", at_least=0.5),
    ]


def _effective_state(key: str) -> tuple[float, float]:
    """What layers of controls add to the look-up of the key, and to a recommendation's guardrails, in µs of CPU.

    Each is compared with the same statement that asks for no layer.
    """
    text = (Path(tenants.__file__).parent / "sql" / "authenticate_api_key.sql").read_text()
    before, state = text.split("CASE WHEN t.delete_at", 1)
    without = before + "NULL::text AS ingesting" + state.split("END AS ingesting", 1)[1]
    asked = "SELECT * FROM controls_of_caller()"
    plain = "SELECT t.kill_switch_active, t.shadow_mode FROM tenants_tenant t WHERE t.id = current_tenant()"
    look_up = f"SELECT * FROM {{}}('\\x{keys.digest(key).hex()}'::bytea)"
    with connections["owner"].cursor() as owner:
        owner.execute(without.replace("authenticate_api_key", "authenticate_before"))
    with transaction.atomic("web"), connections["web"].cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(look_up.format("authenticate_api_key"))  # the tenant's context
        costs = [
            min(_cost(cursor, statement) for _ in range(3))
            for statement in (
                look_up.format("authenticate_api_key"),
                look_up.format("authenticate_before"),
                asked,
                plain,
            )
        ]
    connections["web"].close()  # or the database could not be dropped
    return costs[0] - costs[1], costs[2] - costs[3]


def _cost(cursor: Any, statement: str, times: int = 10_000) -> float:
    """Of one execution, in µs."""
    before = cpu.spent().backends
    quoted = statement.replace("SELECT", "PERFORM", 1)
    cursor.execute(f"DO $do$ BEGIN FOR n IN 1..{times} LOOP {quoted}; END LOOP; END $do$")
    return (cpu.spent().backends - before) / times * 1e6


def _populate() -> tuple[str, str, str]:
    """A customer with users and action types: its id, its partner's key and its own."""
    with staff_context():
        partner, partners_key = tenants.create_partner(actor="api_key:bench", name="Bench", slug="bench")
        integrations.register(
            actor="api_key:bench",
            partner_id=partner.id,
            provider="bench",
            display_name="Bench",
            domain="",
            action_type_templates=[
                {"name": f"action_{n}", "delivery_webhook": "https://hooks.bench.example/"} for n in range(ACTION_TYPES)
            ],
            event_mappings=[],
        )
    with tenant_context(partner.id):
        made = partners.provision_customer(actor="api_key:bench", partner_id=partner.id, name="M", slug="merchant")[
            "customer"
        ]
    batches.add_users(str(made["tenant_id"]), USERS)
    vacuum()
    return str(made["tenant_id"]), partners_key.text, made["api_key"]


def _populate_peer(customer_id: str, *api_keys: str) -> None:
    """The same users, and a customer of about the size that ours is answered with, for both keys."""
    make_peer_tables(UUID(customer_id), *api_keys)
    with connections["owner"].cursor() as cursor:
        cursor.execute(_PEER_OBJECTS, {"tenant_id": customer_id, "users": USERS})
        cursor.execute("VACUUM ANALYZE peer_object")


_PEER_OBJECTS = """
    INSERT INTO peer_object
    SELECT %(tenant_id)s::uuid, 'u' || n, '{"plan": "pro", "name": "Ada", "lifecycle_stage": "active"}'
    FROM generate_series(0, %(users)s - 1) n
    UNION ALL
    SELECT %(tenant_id)s::uuid, %(tenant_id)s::text, jsonb_build_object('name', 'M', 'config', repeat('x', 1000))
"""
