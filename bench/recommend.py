"""Recommendations for a tenant of a million users, against get customer on the same gunicorn, in one run."""

import json
from random import Random

from django.db import connections

from bench import load, report
from bench.server import database, gunicorn
from integrations import services as integrations
from partners.customers import services as partners
from tenants import services as tenants
from tenants.context import staff_context, tenant_context

USERS = 1_000_000
ACTION_TYPES = 10
CONNECTIONS = 16


def measure(seconds: float) -> list[report.Figure]:
    """`seconds` is the length of one round of one measurement."""
    with database():
        customer_id, partners_key, key = _populate()
        customer = load.request(f"/api/partners/customers/{customer_id}", key=partners_key)
        random = Random(1)

        def recommend(_: int) -> load.Request:
            body = {"user_id": f"u{random.randrange(USERS)}"}
            return load.request("/api/decisions/recommend", key=key, body=json.dumps(body).encode())

        with gunicorn() as port:
            gets, recommendations = load.rounds(
                lambda: load.run(port, lambda n: customer, connections=CONNECTIONS, seconds=seconds),
                lambda: load.run(port, recommend, connections=CONNECTIONS, seconds=seconds),
            )
    return [
        report.figure("get customer, requests", gets.per_second, "1/s"),
        report.figure("recommend, requests", recommendations.per_second, "1/s"),
        report.figure("recommend, p50", recommendations.percentile(50), "ms"),
        report.figure("recommend, p99", recommendations.percentile(99), "ms"),
        report.figure("recommend / get customer", recommendations.per_second / gets.per_second, "×", at_least=0.5),
    ]


def _populate() -> tuple[str, str, str]:
    """A customer with users and action types: its id, its partner's key and its own."""
    with staff_context():
        partner, partners_key = tenants.create_partner(actor="bench", name="Bench", slug="bench")
        integrations.register(
            actor="bench",
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
        made = partners.provision_customer(actor="bench", partner_id=partner.id, name="M", slug="merchant")["customer"]
    with connections["owner"].cursor() as cursor:
        cursor.execute(_POPULATE, {"tenant_id": made["tenant_id"], "users": USERS})
        cursor.execute("VACUUM ANALYZE")
    return str(made["tenant_id"]), partners_key.text, made["api_key"]


_POPULATE = """
    INSERT INTO events_trackeduser (tenant_id, user_id, name, email, company, role, locale, traits, lifecycle_stage,
                                    opted_out, engagement_score, last_activity_at)
    SELECT %(tenant_id)s, 'u' || n, '', '', '', '', '', '{"plan": "pro"}', 'active', false, random(), now()
    FROM generate_series(0, %(users)s - 1) n
"""
