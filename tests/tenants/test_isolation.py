"""Isolation below the ORM: what the database itself shows under a tenant's context."""

import re
from collections.abc import Iterator

import pytest
from django.db import ProgrammingError, connection

from retivo.database import checks
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
    "decisions_lifttrial": "tenant_id",
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
    "announce_release": "void",
    "apply_controls": "trigger",
    "begin_lift_trial": "trigger",
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
    "advance_recoveries": "TABLE(tenant_id uuid, recovery_id text, is_stopped boolean, fault text)",
    "recoverable_actions": "record",
    "claim_deliveries": "TABLE(tenant_id uuid, webhook_id text, event_id text, is_failing boolean, is_slow boolean)",
    "hand_out_events": "TABLE(tenant_id uuid, reader_id text, passed integer, fault text)",
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


def test_system_check__the_runtime_role__passes_and_the_owner_does_not() -> None:
    assert checks.runtime_role_is_bound_by_row_level_security(["default"]) == []

    with staff_context():
        ids = [error.id for error in checks.runtime_role_is_bound_by_row_level_security(["default"])]
    assert ids == ["retivo.E003"]
