"""Isolation below the ORM: what the database itself shows under a tenant's context."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import ProgrammingError, connection

from decisions.playbooks.runner import run_tenant
from decisions.recommending import budget
from events.scoring.services import score_tenant
from learning import services as learning
from retivo.database import checks
from tenants.audit import checkpoints
from tenants.context import staff_context, tenant_context
from tests.conftest import Api
from tests.owner import as_owner

# Which column of a table names its tenant. A table that is neither here nor in UNSHARED fails the first test.
TENANT_COLUMNS = {
    "tenants_tenant": "coalesce(parent_id, id)",
    "tenants_apikey": "tenant_id",
    "tenants_auditentry": "tenant_id",
    "tenants_auditcheckpoint": "family_id",
    "tenants_partnerevent": "tenant_id",
    "tenants_eventhead": "tenant_id",
    "tenants_idempotentanswer": "tenant_id",
    "tenants_deletion": "owner_id",
    "integrations_partnerintegration": "tenant_id",
    "integrations_actiontypetemplate": "tenant_id",
    "integrations_revision": "tenant_id",
    "integrations_revisiontemplate": "tenant_id",
    "integrations_rollout": "tenant_id",
    "integrations_rolloutcustomer": "partner_id",
    "integrations_sharing": "tenant_id",
    "integrations_integrationshare": "partner_id",
    "integrations_actiontype": "coalesce(partner_id, tenant_id)",
    "events_event": "tenant_id",
    "events_storedkey": "tenant_id",
    "events_rejection": "tenant_id",
    "events_trackeduser": "tenant_id",
    "events_monthlyactivity": "tenant_id",
    "events_monthlyusage": "tenant_id",
    "events_stagechange": "tenant_id",
    "events_scoringsweep": "tenant_id",
    "events_usage": "tenant_id",
    "events_usagecount": "tenant_id",
    "events_usagealert": "tenant_id",
    "events_reachedthreshold": "partner_id",
    "learning_example": "tenant_id",
    "learning_modelstate": "tenant_id",
    "learning_remembereddecision": "tenant_id",
    "learning_pattern": "partner_id",
    "learning_receipt": "tenant_id",
    "delivery_action": "tenant_id",
    "delivery_actionchange": "tenant_id",
    "tenants_control": "tenant_id",
    "tenants_place": "tenant_id",
    "delivery_attempt": "tenant_id",
    "delivery_endpoint": "tenant_id",
    "delivery_webhook": "tenant_id",
    "delivery_webhookreader": "tenant_id",
    "delivery_webhookdelivery": "tenant_id",
    "delivery_webhookattempt": "tenant_id",
    "delivery_failurecount": "tenant_id",
    "delivery_endpointhour": "tenant_id",
    "delivery_recovery": "tenant_id",
    "delivery_certification": "tenant_id",
    "integrations_secretversion": "tenant_id",
    "decisions_playbook": "tenant_id",
    "decisions_playbookentry": "tenant_id",
    "decisions_intervention": "tenant_id",
    "decisions_decision": "tenant_id",
    "decisions_budget": "tenant_id",
    "decisions_liftcount": "tenant_id",
}
# Of no tenant: any tenant's context sees it, no context does not.
OF_ALL = {"learning_release"}
# Of no tenant: no tenant's context sees it.
OF_NONE = {"tenants_taskrun", "tenants_workerprocess"}
# The same, and anyone without a tenant reads it.
PUBLISHED = {"tenants_certificatekey"}
# Closed to the API and to workers.
OF_OTHERS = {"learning_noisysum", "retivo_seal", "tenants_audithead", "tenants_permit"}
UNSHARED = re.compile(r"(auth|axes|django|otp|procrastinate)_")


@pytest.fixture
def two_partners(acme: Api, rival: Api) -> tuple[Api, Api]:
    """Both with an integration, a customer and a stored answer, so that every table has rows of both."""
    for partner in (acme, rival):
        integration = partner.register()["id"]
        answer = partner.post("/api/partners/customers", {"name": "M", "slug": "merchant"}, Idempotency_Key="one")
        partner.post(f"/api/partners/integrations/{integration}/share", {"all": True})
        partner.post(f"/api/partners/integrations/{integration}/revisions", {})
        partner.post(f"/api/partners/integrations/{integration}/rollouts", {"revision": 2})
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
    as_owner(DELETIONS)
    return acme, rival


# A customer has none.
OF_PARTNERS = {
    "delivery_webhook",
    "delivery_webhookreader",
    "delivery_webhookdelivery",
    "delivery_webhookattempt",
    "delivery_failurecount",
    "delivery_endpointhour",
    "delivery_recovery",
    "delivery_certification",
}
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


def tables() -> Iterator[tuple[str, bool, bool]]:
    yield from as_owner(
        "SELECT c.relname, c.relrowsecurity, EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)"
        " FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
        " AND NOT c.relispartition ORDER BY 1"
    )


def test_policies__every_table_of_ours__has_row_level_security_and_a_policy() -> None:
    found = {name: (enabled, policies) for name, enabled, policies in tables() if not UNSHARED.match(name)}

    assert found == dict.fromkeys(TENANT_COLUMNS.keys() | OF_ALL | OF_NONE | PUBLISHED | OF_OTHERS, (True, True))


def test_partitions__addressed_directly__are_closed_to_the_runtime_role() -> None:
    assert (
        as_owner(
            "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'"
            " AND has_table_privilege('app_worker', oid, 'SELECT, INSERT, UPDATE, DELETE')"
        )
        == []
    )


def test_functions__with_their_owners_rights__are_closed_to_public_and_trust_no_search_path() -> None:
    found = as_owner(
        "SELECT proname, has_function_privilege('public', oid, 'EXECUTE'),"
        " 'search_path=pg_catalog, pg_temp' = ANY(proconfig)"
        " FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    )

    assert len(found) >= 4
    assert [row for row in found if row[1:] != (False, True)] == []


# Every function that sees past row-level security, and all that it can ever answer.
ANSWERS = {
    "cancel_actions_of_share": "integer",
    "fate_of_rollout": "record",
    "shadowed_names": "TABLE(tenant_id uuid, name text)",
    "announce_first_use": "trigger",
    "apply_controls": "trigger",
    "controls_of_caller": "record",
    "hold_to_controls": "trigger",
    "note_switches": "trigger",
    "refusal_of_key": "record",
    "authenticate_api_key": "SETOF record",
    "cancel_actions": "integer",
    "chain_entry": "trigger",
    "claim_actions": "TABLE(tenant_id uuid, action_id text, is_failing boolean, is_slow boolean, is_gone boolean)",
    "current_tenant": "uuid",
    "customers_closed_through": "date",
    "delivery_backlog": "TABLE(state text, status text, actions bigint, oldest_seconds double precision)",
    "oldest_event_keys": "double precision",
    "unwell_endpoints": "record",
    "contribute": "void",
    "drop_event_partition": "text",
    "empty_key_ring": "text",
    "empty_rejection_ring": "text",
    "expire_actions": "integer",
    "claim_certifications": "TABLE(tenant_id uuid, certification_id text)",
    "count_endpoints": "integer",
    "note_address": "trigger",
    "note_secret_version": "trigger",
    "recover_actions": "TABLE(tenant_id uuid, recovery_id text, is_stopped boolean, fault text)",
    "recoverable_actions": "record",
    "claim_deliveries": "TABLE(tenant_id uuid, webhook_id text, event_id text, is_failing boolean, is_slow boolean)",
    "fan_out_events": "TABLE(tenant_id uuid, reader_id text, passed integer, fault text)",
    "forget_partner_events": "integer",
    "forget_finished": "integer",
    "forget_rollouts": "integer",
    "forget_webhooks": "integer",
    "redact_answers": "trigger",
    "learning_consent": "text",
    "lift_of_customers": "record",
    "make_event_partition": "text",
    "note_change": "trigger",
    "number_event": "trigger",
    "partners_consent": "text",
    "record_outcome_by_url": "record",
    "record_outcome_of_own_integration": "TABLE(action_id text, verdict text)",
    "reach_thresholds": "TABLE(tenant_id uuid, period date, metric text, threshold integer, used numeric,"
    " allowance numeric)",
    "redact_audit_entries": "bigint",
    "redact_partner_events": "bigint",
    "refuse_closed_usage": "trigger",
    "refuse_while_deleting": "trigger",
    "revoke_leaked_key": "void",
    "take_permits": "SETOF record",
    "tenants_with_waiting_examples": "SETOF uuid",
    "usage_of_customer": "record",
    "usage_of_customers": "TABLE(tenant_id uuid, active_users bigint, events bigint)",
    "usage_of_periods": "TABLE(created_at timestamp with time zone, tenant_id uuid, external_id text, starts_on date,"
    " correction smallint, active_users bigint, events bigint, decisions bigint, actions_delivered bigint, outcomes"
    " bigint, action_cost_usd numeric, counted_at timestamp with time zone, closed_at timestamp with time zone)",
    "usage_periods": "bigint",
}


def test_functions__with_their_owners_rights__answer_what_is_listed_here() -> None:
    found = dict(
        as_owner(
            "SELECT proname, pg_get_function_result(oid) FROM pg_proc"
            " WHERE prosecdef AND pronamespace = 'public'::regnamespace"
        )
    )

    assert found == ANSWERS


def test_raw_sql__a_partner__sees_none_of_its_customers_users_events_and_models(two_partners: tuple[Api, Api]) -> None:
    acme, _ = two_partners
    rooms = ("events_", "learning_", "delivery_", "decisions_", "integrations_actiontype")
    for table in (name for name in TENANT_COLUMNS if name.startswith(rooms)):
        assert _tenants_seen(table, acme) == {acme.tenant_id}


@pytest.mark.parametrize("table", TENANT_COLUMNS)
def test_raw_sql__under_a_partners_context__sees_its_rows_alone(table: str, two_partners: tuple[Api, Api]) -> None:
    acme, _ = two_partners
    own = {acme.tenant_id, *_customers(acme)}

    seen = _tenants_seen(table, acme)

    assert seen
    assert seen <= own


@pytest.mark.parametrize("table", sorted(TENANT_COLUMNS))
def test_raw_sql__under_a_customers_context__sees_its_rows_alone(table: str, two_partners: tuple[Api, Api]) -> None:
    acme, _ = two_partners
    (customer,) = _customers(acme)
    column = {
        "tenants_tenant": "id",
        "tenants_deletion": "subject_id",
        "tenants_auditcheckpoint": "family_id",
        "integrations_partnerintegration": f"'{customer}'::uuid",
        "integrations_revision": f"'{customer}'::uuid",
        "integrations_revisiontemplate": f"'{customer}'::uuid",
        "learning_pattern": f"CASE partner_id WHEN '{acme.tenant_id}' THEN '{customer}'::uuid END",
    }.get(table, "tenant_id")

    with tenant_context(customer), connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT {column} FROM {table}")
        seen = {row[0] for row in cursor.fetchall()}
        assert seen <= {customer}
        assert seen or not table.startswith("delivery_") or table in OF_PARTNERS


@pytest.mark.parametrize("table", sorted(TENANT_COLUMNS.keys() | OF_ALL))
def test_raw_sql__without_a_context__sees_nothing(table: str, two_partners: tuple[Api, Api]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("table", sorted(OF_NONE))
def test_raw_sql__under_a_tenants_context__sees_and_writes_nothing_of_the_workers(acme: Api, table: str) -> None:
    columns = "(id, host) VALUES (gen_random_uuid(), 'x')" if "process" in table else "(task, seconds) VALUES ('x', 1)"
    insert = f"INSERT INTO {table} {columns}"
    with connection.cursor() as cursor:
        cursor.execute(insert.replace("'x'", "'y'"))

    with tenant_context(acme.tenant_id), connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        assert cursor.fetchall() == []
    with pytest.raises(ProgrammingError, match="row-level security"), tenant_context(acme.tenant_id):
        connection.cursor().execute(insert)


def test_context__after_a_request__is_gone_from_the_connection(acme: Api, merchant: Api) -> None:
    assert acme.get("/api/partners/customers").json()["total"] == 1

    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('retivo.tenant_id', true), (SELECT count(*) FROM tenants_tenant)")
        assert cursor.fetchone() in {("", 0), (None, 0)}


def test_context__inside_another__is_refused(acme: Api, rival: Api) -> None:
    with (
        pytest.raises(RuntimeError, match="durable"),
        tenant_context(acme.tenant_id),
        tenant_context(rival.tenant_id),
    ):
        pass


FILTER = re.compile(r"(\w+\.)?(tenant_id|partner_id|parent_id)\s*=\s*(%\((partner_id|tenant_id)\)s|caller\.tenant_id)")


@pytest.mark.parametrize("path", ["customers", "stats", "integrations", "customers/{customer}"])
def test_answers__with_every_tenant_filter_taken_away__still_leak_nothing(
    path: str, two_partners: tuple[Api, Api]
) -> None:
    acme, rival = two_partners
    path = f"/api/partners/{path.format(customer=_customers(acme)[0])}"
    foreign = {str(id) for id in (rival.tenant_id, *_customers(rival))} | set(_ids(rival))
    removed: list[str] = []

    def without_filters(execute: Any, sql: str, parameters: Any, *args: Any) -> Any:
        # The ORM's filters have positional parameters, which stay in use for the driver to count.
        stripped = FILTER.sub("true", sql)
        stripped = re.sub(r'"\w+"\."tenant_id" = (%s)', r"\1::uuid IS NOT NULL", stripped)
        if stripped != sql:
            removed.append(sql)
        return execute(stripped, parameters, *args)

    with connection.execute_wrapper(without_filters):
        response = acme.get(path)

    assert removed
    assert response.status_code == 200
    assert not {id for id in foreign if id in response.content.decode()}


def test_anothers_customer__with_every_tenant_filter_taken_away__is_still_404(two_partners: tuple[Api, Api]) -> None:
    acme, rival = two_partners

    def without_filters(execute: Any, sql: str, parameters: Any, *args: Any) -> Any:
        return execute(FILTER.sub("true", sql), parameters, *args)

    with connection.execute_wrapper(without_filters):
        assert acme.get(f"/api/partners/customers/{_customers(rival)[0]}").status_code == 404


def test_system_check__the_runtime_role__passes_and_the_owner_does_not() -> None:
    assert checks.runtime_role_is_bound_by_row_level_security(["default"]) == []

    with staff_context():
        ids = [error.id for error in checks.runtime_role_is_bound_by_row_level_security(["default"])]
    assert ids == ["retivo.E003"]


def _customers(partner: Api) -> list[Any]:
    with tenant_context(partner.tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tenants_tenant WHERE parent_id = %s", [partner.tenant_id])
        return [row[0] for row in cursor.fetchall()]


def _tenants_seen(table: str, partner: Api) -> set[Any]:
    with tenant_context(partner.tenant_id), connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT {TENANT_COLUMNS[table]} FROM {table}")
        return {row[0] for row in cursor.fetchall()}


def _ids(partner: Api) -> list[str]:
    """Of its integrations and its customers' keys."""
    with tenant_context(partner.tenant_id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT id::text FROM integrations_partnerintegration UNION ALL SELECT prefix FROM tenants_apikey"
        )
        return [row[0] for row in cursor.fetchall()]
