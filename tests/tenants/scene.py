"""Two partners that have something in every table."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from decisions.playbooks.runner import run_tenant
from decisions.recommending import budget
from events.scoring.services import score_tenant
from learning import services as learning
from tenants.audit import checkpoints
from tenants.context import tenant_context
from tests.conftest import Api, make_partner
from tests.owner import as_owner


@pytest.fixture
def two_partners() -> tuple[Api, Api]:
    return make_two_partners()


def make_two_partners() -> tuple[Api, Api]:
    """Both with an integration, a customer and a stored answer, so that every table has rows of both."""
    acme, rival = make_partner("Acme"), make_partner("Rival")
    for partner in (acme, rival):
        integration = partner.register()["id"]
        answer = partner.post("/api/partners/customers", {"name": "M", "slug": "merchant"}, Idempotency_Key="one")
        partner.post(f"/api/partners/integrations/{integration}/share", {"all": True})
        partner.post(
            f"/api/partners/integrations/{integration}/revisions",
            {"event_mappings": [{"from": "order.paid", "to": "paid"}]},
        )
        partner.post(f"/api/partners/integrations/{integration}/rollouts", {"revision": 2, "to": "all"})
        customer = Api(answer.json()["customer"]["tenant_id"], answer.json()["customer"]["api_key"])
        for api in (partner, customer):
            names = ("one", "two", "three")
            api.post("/api/track", {"events": [{"user_id": "u", "event": e, "idempotency_key": e} for e in names]})
            api.post("/api/track", {"events": [{"user_id": "u"}]})
            api.post("/api/external/action-types", ACTION_TYPE)
            score_tenant(api.tenant_id)
            with tenant_context(api.tenant_id):
                learning.record(
                    tenant_id=api.tenant_id,
                    decision_id="dec_1",
                    user_id="u",
                    action="nothing",
                    features={"bias": 1.0},
                    outcome=1.0,
                )
                learning.fold(tenant_id=api.tenant_id)
            playbook = api.post("/api/playbooks", {"name": "P", "entry_conditions": {"opted_out": False}}).json()["id"]
            api.put(f"/api/playbooks/{playbook}/status", {"status": "active"})
            run_tenant(api.tenant_id)
            _decide(api)
    as_owner(ACTIONS)
    as_owner(CHANGES)
    as_owner(
        "INSERT INTO tenants_place (tenant_id, work, place, stopped_at) SELECT id, 'w', '1', now() FROM tenants_tenant"
    )
    as_owner(
        "INSERT INTO tenants_control (tenant_id, layer, holdout_percent_min) SELECT id, 'staff', 1 FROM tenants_tenant"
    )
    as_owner(ATTEMPTS)
    as_owner(ENDPOINTS)
    for sql in WEBHOOKS:
        as_owner(sql)
    as_owner(RELEASE)
    for statement in USAGE:
        as_owner(statement)
    checkpoints.sign_heads()
    as_owner("INSERT INTO decisions_liftcount SELECT id, now(), 9, 1, 1, 0 FROM tenants_tenant")
    as_owner("INSERT INTO decisions_lifttrial SELECT id, now(), 9, 1, 1, 0 FROM tenants_tenant ON CONFLICT DO NOTHING")
    as_owner(DELETIONS)
    return acme, rival


WEBHOOKS = [
    """
    INSERT INTO delivery_webhook (tenant_id, id, url, description, active, encrypted_secret)
    SELECT id, 'wh_' || id, 'https://partner.example/', '', true, 'x' FROM tenants_tenant WHERE tenant_role = 'partner'
    """,
    """
    INSERT INTO delivery_webhookreader (tenant_id, webhook_id, seq, events)
    SELECT tenant_id, id, 0, 0 FROM delivery_webhook
    """,
    """
    INSERT INTO delivery_webhookdelivery (tenant_id, webhook_id, event_id, status, attempts, replayed_from)
    SELECT w.tenant_id, w.id, e.id, 'pending', 0, 0
    FROM delivery_webhook w JOIN tenants_partnerevent e ON e.tenant_id = w.tenant_id
    """,
    """
    INSERT INTO delivery_webhookattempt
        (tenant_id, webhook_id, event_id, number, started_at, latency_ms, error, response)
    SELECT tenant_id, webhook_id, event_id, 1, now(), 1, '', '' FROM delivery_webhookdelivery
    """,
    """
    INSERT INTO delivery_failurecount (tenant_id, endpoint_id, reason, hour, failed, failed_before)
    SELECT tenant_id, gen_random_uuid(), 'internal_error', now(), 1, 0 FROM delivery_webhook
    """,
    """
    INSERT INTO delivery_endpointhour (tenant_id, endpoint_id, hour, failed)
    SELECT tenant_id, id, now(), 1 FROM delivery_endpoint WHERE registered_at IS NOT NULL
    """,
    """
    INSERT INTO delivery_recovery (tenant_id, endpoint_id, since, actions, customers)
    SELECT tenant_id, id, now(), 1, 1 FROM delivery_endpoint WHERE registered_at IS NOT NULL
    """,
    """
    INSERT INTO delivery_certification (tenant_id, endpoint_id, integration_id, secret_version, revision)
    SELECT e.tenant_id, e.id, v.integration_id, v.version, 1
    FROM delivery_endpoint e JOIN integrations_secretversion v ON v.tenant_id = e.tenant_id
    WHERE e.registered_at IS NOT NULL
    """,
]

ACTION_TYPE = {
    "name": "send_gift_card",
    "description": "Send a gift card",
    "provider": "our-shop",
    "parameters_schema": {},
    "delivery_webhook": "https://hooks.shop.example/",
}


def _decide(api: Api) -> None:
    assert api.post("/api/decisions/recommend", {"user_id": "u"}).status_code == 200
    now = datetime.now(UTC)
    with tenant_context(api.tenant_id), connection.cursor() as cursor:
        # A partner has no action type to choose from, and so nothing to be told of; a budget either may have.
        row: dict[str, Any] = {"tenant_id": api.tenant_id, "decision_id": "dec_2", "user_id": "u", "created_at": now}
        cursor.execute(learning.REMEMBER, row | {"features": "{}", "example_action": "nothing"})
        assert budget.reserve(tenant_id=api.tenant_id, cost_usd=Decimal(1), budget_usd=None, now=now)


ACTIONS = """
    INSERT INTO delivery_action (tenant_id, action_type_id, action_type, provider, domain, user_id, parameters, status,
                                 due_at, attempts, replayed_from, failure_reason, expires_at)
    SELECT DISTINCT ON (tenant_id) tenant_id, id, name, provider, '', 'u', '{}', 'pending', now(), 1, 0, '', now()
      FROM integrations_actiontype
"""
CHANGES = """
    INSERT INTO delivery_actionchange (tenant_id, action_id, due_at) SELECT tenant_id, id, now() FROM delivery_action
"""
# Of each customer one that was called off.
DELETIONS = """
    INSERT INTO tenants_deletion
        (status, subject_id, subject_hash, owner_id, requested_by, delete_at, reason, failure,
         tables, jws)
    SELECT 'cancelled', id, 'none', parent_id, 'staff', now(), '', '', '{}', ''
      FROM tenants_tenant WHERE parent_id IS NOT NULL
"""
USAGE = [
    "INSERT INTO events_usagecount (tenant_id, closed_through, announced_through)"
    " SELECT id, '2026-01-01', '2026-01-01' FROM tenants_tenant ON CONFLICT DO NOTHING",
    "INSERT INTO events_usage (tenant_id, unit, starts_on, correction, active_users, events, decisions,"
    " actions_delivered, outcomes, action_cost_usd, counted_at)"
    " SELECT id, 'month', '2026-11-01', 0, 1, 1, 1, 1, 1, 1, now() FROM tenants_tenant",
    "INSERT INTO events_usagealert (tenant_id, metric, scope, thresholds)"
    " SELECT id, 'active_users', 'fleet', '{90}' FROM tenants_tenant",
    "INSERT INTO events_reachedthreshold (tenant_id, partner_id, period, metric, threshold, used, allowance)"
    " SELECT id, coalesce(parent_id, id), '2026-11-01', 'active_users', 90, 9, 10 FROM tenants_tenant",
]
ATTEMPTS = """
    INSERT INTO delivery_attempt (tenant_id, action_id, number, started_at, latency_ms, error, response)
    SELECT tenant_id, id, 1, now(), 1, 'timeout', '' FROM delivery_action
"""
ENDPOINTS = """
    INSERT INTO delivery_endpoint (tenant_id, id, url, consecutive_failures, openings, last_failure)
    SELECT id, gen_random_uuid(), 'https://hooks.example/', 1, 0, 'timeout' FROM tenants_tenant
"""
RELEASE = """
    WITH release AS (
        INSERT INTO learning_release (epsilon, delta, rho, deviation, budget) VALUES (1, 1e-6, 0.02, 10.1, 0.02)
        RETURNING id
    ), receipt AS (
        INSERT INTO learning_receipt (tenant_id, release_id, released_on, epsilon, rho)
        SELECT t.id, release.id, '2026-11-20', 1, 0.02 FROM tenants_tenant t, release
    )
    INSERT INTO learning_pattern (release_id, partner_id, block, features, mean, error, count, square)
    SELECT release.id, t.id, 'shared', '{}', '{}', 1, 50, 1 FROM tenants_tenant t, release
     WHERE t.tenant_role = 'partner'
"""
