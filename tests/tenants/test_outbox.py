"""Each change is told once: an audit entry and an event of the partner, or neither."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from jsonschema import Draft202012Validator

from tenants import catalogue, outbox, services
from tenants.context import staff_context, tenant_context
from tenants.models import AuditEntry, EventHead, PartnerEvent, PlanStatus, Scope
from tests.conftest import Api, Server
from tests.partners.webhooks.cast import make
from tests.tenants.api_keys.places import id_of


def events(partner: Api) -> list[PartnerEvent]:
    """But for the first uses of keys, which are no changes."""
    with tenant_context(partner.tenant_id):
        return list(PartnerEvent.objects.exclude(type="api_key.used_first").order_by("seq"))


def all_events(partner: Api) -> list[PartnerEvent]:
    with tenant_context(partner.tenant_id):
        return list(PartnerEvent.objects.order_by("seq"))


def entries() -> list[AuditEntry]:
    with staff_context():
        return list(AuditEntry.objects.order_by("id"))


@pytest.fixture
def integration(acme: Api) -> dict[str, Any]:
    return acme.register()


CHANGES: list[tuple[str, Callable[[Api, Api, dict[str, Any]], Any]]] = [
    ("customer.created", lambda acme, merchant, i: acme.provision("another")),
    (
        "customer.updated",
        lambda acme, merchant, i: acme.patch(f"/api/partners/customers/{merchant.tenant_id}", {"plan_tier": "scale"}),
    ),
    (
        "customer.suspended",
        lambda acme, merchant, i: acme.patch(
            f"/api/partners/customers/{merchant.tenant_id}", {"plan_status": "suspended", "name": "Gone"}
        ),
    ),
    ("customer.suspended", lambda acme, merchant, i: _by_staff(merchant)),
    ("customer.updated", lambda acme, merchant, i: merchant.patch("/api/settings", {"name": "By itself"})),
    (
        "learning.consent_changed",
        lambda acme, merchant, i: merchant.patch("/api/settings", {"config": {"learning": "off"}}),
    ),
    (
        "learning.consent_changed",
        lambda acme, merchant, i: acme.patch(
            f"/api/partners/customers/{merchant.tenant_id}", {"config": {"learning": "off"}}
        ),
    ),
    ("integration.registered", lambda acme, merchant, i: acme.register("another")),
    (
        "integration.shared",
        lambda acme, merchant, i: acme.post(
            f"/api/partners/integrations/{i['id']}/share", {"customer_tenant_id": str(merchant.tenant_id)}
        ),
    ),
    (
        "integration.secret_rotated",
        lambda acme, merchant, i: acme.post(f"/api/partners/integrations/{i['id']}/rotate-secret", {}),
    ),
    ("api_key.issued", lambda acme, merchant, i: acme.post(_keys(merchant), {"scopes": ["users:read"]})),
    ("api_key.issued", lambda acme, merchant, i: merchant.post("/api/settings/api-keys", {"scopes": ["users:read"]})),
    (
        "api_key.updated",
        lambda acme, merchant, i: acme.patch(f"{_keys(merchant)}/{id_of(merchant)}", {"label": "Till"}),
    ),
    ("api_key.rotated", lambda acme, merchant, i: acme.post(f"{_keys(merchant)}/{id_of(merchant)}/rotate", {})),
    ("api_key.rotated", lambda acme, merchant, i: acme.post(f"/api/partners/api-keys/{id_of(acme)}/rotate", {})),
    ("api_key.revoked", lambda acme, merchant, i: acme.delete(f"{_keys(merchant)}/{id_of(merchant)}")),
    ("api_key.all_revoked", lambda acme, merchant, i: acme.post(f"{_keys(merchant)}/revoke-all", {})),
    ("api_key.all_revoked", lambda acme, merchant, i: acme.post(f"{_keys(merchant)}/revoke-all", {"reissue": True})),
    ("api_key.leaked", lambda acme, merchant, i: acme.post("/api/keys/report-leak", {"key": merchant.key})),
]


def _keys(customer: Api) -> str:
    return f"/api/partners/customers/{customer.tenant_id}/api-keys"


def _by_staff(merchant: Api) -> None:
    with staff_context():
        services.set_plan_status(actor="staff:s", tenant_id=merchant.tenant_id, plan_status=PlanStatus.SUSPENDED)


@pytest.mark.parametrize(("action", "change"), CHANGES, ids=[f"{n} {name}" for n, (name, _) in enumerate(CHANGES)])
def test_change__of_a_partner_or_its_customer__is_one_entry_and_one_event(  # noqa: PLR0917  # the cast
    acme: Api,
    rival: Api,
    merchant: Api,
    integration: dict[str, Any],
    action: str,
    change: Callable[[Api, Api, dict[str, Any]], Any],
) -> None:
    entries_before, events_before = len(entries()), len(events(acme))

    change(acme, merchant, integration)

    (entry,) = entries()[entries_before:]
    (event,) = events(acme)[events_before:]
    assert entry.action == event.type == action
    assert entry.actor == event.actor
    assert event.data.items() <= entry.detail.items()
    assert event.customer_id == (None if entry.tenant_id == acme.tenant_id else entry.tenant_id)
    Draft202012Validator(catalogue.EVENTS[action].data).validate(event.data)
    assert [event.type for event in events(rival)] == ["api_key.issued"]


CUSTOMER = "/api/partners/customers/{merchant}"
HELD = {"active": True, "reason": "Wrong amounts"}

# A request, what is sent to make what was before, what is sent then, and what the event says was before.
PREVIOUS: list[tuple[str, str, Any, Any, dict[str, Any]]] = [
    ("PATCH", CUSTOMER, {"plan_tier": "scale"}, {"plan_tier": "growth"}, {"plan_tier": "scale"}),
    ("PATCH", CUSTOMER, {"name": "Old"}, {"name": "New"}, {"name": "Old"}),
    ("PATCH", CUSTOMER, {"external_id": "a"}, {"external_id": None}, {"external_id": "a"}),
    ("PATCH", CUSTOMER, {"metadata": {"a": "1"}}, {"metadata": {"b": "2"}}, {"metadata": {"a": "1"}}),
    (
        "PATCH",
        CUSTOMER,
        {"rate_limit": {"requests": 10, "seconds": 1}},
        {"rate_limit": None},
        {"rate_limit": {"requests": 10, "seconds": 1}},
    ),
    (
        "PATCH",
        CUSTOMER,
        {"config": {"holdout_percent": 5}},
        {"config": {"holdout_percent": 7}},
        {"config.holdout_percent": 5},
    ),
    ("PATCH", CUSTOMER, {}, {"config": {"learning": "off"}}, {"config.learning_by_partner": None}),
    ("PATCH", CUSTOMER, {}, {"plan_status": "suspended"}, {"plan_status": "active", "suspension": None}),
    (
        "PATCH",
        CUSTOMER,
        {"controls": {"action_budget_usd": {"max": 10, "locked": False}}},
        {"controls": {"action_budget_usd": None}},
        {"action_budget_usd": {"max": "10", "locked": False}},
    ),
    ("PATCH", "/api/partners/customers/{merchant}/api-keys/{key}", {"label": "A"}, {"label": "B"}, {"label": "A"}),
    ("POST", "/api/partners/customers/{merchant}/api-keys/{key}/rotate", None, {}, {"expires_at": None}),
    (
        "PATCH",
        "/api/partners/integrations/{integration}",
        {"display_name": "Old"},
        {"display_name": "New", "require_certification": True},
        {"display_name": "Old", "require_certification": False},
    ),
    ("PATCH", "/api/partners/integrations/{integration}", {}, {"active": False}, {"active": True}),
    (
        "POST",
        "/api/partners/integrations/{integration}/deprecate",
        {"sunset_at": "2098-01-01T00:00:00Z"},
        {"sunset_at": "2099-01-01T00:00:00Z"},
        {"sunset_at": "2098-01-01T00:00:00Z"},
    ),
    (
        "PATCH",
        "/api/partners/webhooks/{webhook}",
        {"types": ["webhook.created"]},
        {"types": "*"},
        {"types": ["webhook.created"]},
    ),
    ("PUT", "/api/partners/kill-switch", HELD, {"active": False, "reason": ""}, HELD),
    ("PUT", "/api/partners/shadow-mode", None, HELD, {"active": False, "reason": None}),
    ("PATCH", "/api/settings", {"name": "Old"}, {"name": "New"}, {"name": "Old"}),
    (
        "PUT",
        "/api/partners/usage-alerts",
        {"metric": "events", "thresholds": [90], "scope": "fleet", "limit": 1000},
        {"metric": "events", "thresholds": [75], "scope": "fleet", "limit": 2000},
        {"thresholds": [90], "limit": 1000},
    ),
]


@pytest.mark.parametrize(("method", "path", "first", "then", "previous"), PREVIOUS)
def test_event__of_a_change_of_values__has_those_of_before(  # noqa: PLR0917  # a row of the table
    acme: Api,
    merchant: Api,
    integration: dict[str, Any],
    method: str,
    path: str,
    first: Any,
    then: Any,
    previous: dict[str, Any],
) -> None:
    where = path.format(
        merchant=merchant.tenant_id, key=id_of(merchant), integration=integration["id"], webhook=make(acme)["id"]
    )
    if first is not None:
        assert acme.send(method, where, first).status_code == 200
    after = acme.get("/api/partners/events").json()["next_after"]

    answer = acme.send(method, where, then)

    assert answer.status_code in (200, 201), answer.content
    (event,) = acme.get("/api/partners/events", {"after": after}).json()["events"]
    assert event["previous"] == previous
    assert {*event["data"].get("changed", [])} <= previous.keys()


@pytest.mark.no_database
@pytest.mark.parametrize("name", catalogue.EVENTS)
def test_type__its_example__is_valid(name: str) -> None:
    found = catalogue.EVENTS[name]
    Draft202012Validator.check_schema(found.data)
    Draft202012Validator(found.data).validate(found.example)
    assert not {"user_id", "parameters", "traits", "properties"} & found.data["properties"].keys()


def test_change__that_is_rolled_back__is_not_told(acme: Api, merchant: Api) -> None:
    before = events(acme)

    with tenant_context(acme.tenant_id):
        outbox.record(
            actor="api_key:test", action="customer.updated", tenant_id=merchant.tenant_id, data={"changed": ["name"]}
        )
        transaction.set_rollback(True)

    assert [event.id for event in events(acme)] == [event.id for event in before]
    acme.provision("next")
    assert [event.seq for event in all_events(acme)] == list(range(1, len(all_events(acme)) + 1))


def test_standalone_tenant__its_changes__are_entries_alone(acme: Api) -> None:
    with staff_context(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tenants_tenant"
            " (id, name, slug, tenant_role, plan_tier, plan_status, tracked_user_limit, config)"
            " VALUES (gen_random_uuid(), 'Alone', 'alone', 'standalone', 'starter', 'active', 1, '{}') RETURNING id"
        )
        (tenant_id,) = cursor.fetchone()
        services.issue_key(actor="test", tenant_id=tenant_id, scopes=[Scope.FULL])
        told = PartnerEvent.objects.exclude(tenant_id=acme.tenant_id).count()

    assert entries()[-1].tenant_id == tenant_id
    assert told == 0


def test_numbers__many_writers_at_once__have_no_gap_and_are_in_the_order_of_commits(
    acme: Api, merchant: Api, server: Server
) -> None:
    """A reader that goes on from the last number it saw, all the while, sees each event once."""
    path, seen = f"/api/partners/customers/{merchant.tenant_id}", [event.seq for event in all_events(acme)]
    with ThreadPoolExecutor(8) as pool:
        changes = [pool.submit(server.send, acme, "PATCH", path, {"tracked_user_limit": n}) for n in range(1, 81)]
        while True:
            done = all(change.done() for change in changes)
            with tenant_context(acme.tenant_id):
                seen += PartnerEvent.objects.filter(seq__gt=seen[-1]).order_by("seq").values_list("seq", flat=True)
            if done:
                break

    assert {change.result().status_code for change in changes} == {200}
    assert seen == list(range(1, len(all_events(acme)) + 1))


def test_raw_sql__in_a_customers_context__reads_no_event_and_writes_none_of_another(
    acme: Api, rival: Api, merchant: Api
) -> None:
    with tenant_context(merchant.tenant_id):
        assert not PartnerEvent.objects.exists()
        assert not EventHead.objects.exists()
    insert = (
        "INSERT INTO tenants_partnerevent (tenant_id, type, version, customer_id, actor, data)"
        " VALUES (%s, 'customer.updated', 1, %s, 'api_key:x', '{}')"
    )
    for partner, customer in [
        (rival.tenant_id, None),
        (rival.tenant_id, merchant.tenant_id),
        (acme.tenant_id, None),
        (acme.tenant_id, acme.tenant_id),
        (merchant.tenant_id, None),
    ]:
        with (
            pytest.raises((ProgrammingError, IntegrityError)),
            tenant_context(merchant.tenant_id),
            connection.cursor() as cursor,
        ):
            cursor.execute(insert, [partner, customer])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tenants_partnerevent SET data = '{}'",
        "DELETE FROM tenants_partnerevent",
        "UPDATE tenants_eventhead SET seq = 0",
        "INSERT INTO tenants_partnerevent (tenant_id, seq, type, version, actor, data) "
        "SELECT current_tenant(), 9, 'customer.updated', 1, 'api_key:x', '{}'",
    ],
)
def test_raw_sql__in_the_partners_own_context__alters_no_event(acme: Api, merchant: Api, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="denied"), tenant_context(acme.tenant_id), connection.cursor() as cursor:
        cursor.execute(statement)
