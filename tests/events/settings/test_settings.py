from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from tenants.context import staff_context
from tenants.models import AuditEntry, PlanStatus, Scope, Tenant, TenantRole
from tenants.services import issue_key, set_plan_status
from tests.conftest import Api, Server

PATH = "/api/settings"
SWITCHES = [("kill-switch", "kill_switch_active"), ("shadow-mode", "shadow_mode")]


@pytest.fixture
def standalone() -> Api:
    with staff_context():
        tenant = Tenant.objects.create(name="Harbor", slug="harbor", tenant_role=TenantRole.STANDALONE)
        key = issue_key(actor="test", tenant_id=tenant.id, scopes=[Scope.FULL])
    return Api(tenant.id, key.text)


def settings_of(api: Api) -> Any:
    response = api.get(PATH)
    assert response.status_code == 200, response.content
    return response.json()


def config_of(api: Api) -> Any:
    return settings_of(api)["tenant"]["config"]


def audited(api: Api) -> list[dict[str, Any]]:
    """What was changed of the tenant, by whom."""
    with staff_context():
        entries = AuditEntry.objects.filter(tenant_id=api.tenant_id, detail__has_key="changes").order_by("id")
        return [{"actor": entry.actor, **entry.detail["changes"]} for entry in entries]


def faults(response: Any) -> list[tuple[str, str]]:
    return [(error["pointer"], error["code"]) for error in response.json()["errors"]]


# --- Seeing ---------------------------------------------------------------------------------------------------------


def test_get__a_customer__sees_itself_its_keys_and_its_use(merchant: Api) -> None:
    merchant.post("/api/track", {"events": [{"user_id": user, "event": "e"} for user in ("a", "b", "a")]})

    body = settings_of(merchant)

    assert body.keys() == {"tenant", "effective", "api_keys", "usage"}
    assert body["tenant"].pop("created_at").endswith("Z")
    assert body["tenant"] == {
        "id": str(merchant.tenant_id),
        "name": "Merchant",
        "slug": "merchant",
        "config": {},
        "plan_tier": "starter",
        "plan_status": "active",
        "tracked_user_limit": 1000,
        "kill_switch_active": False,
        "shadow_mode": False,
    }
    (key,) = body["api_keys"]
    assert (key["prefix"], key["label"], key["scope"], key["scopes"]) == (
        merchant.key[:12],
        "Provisioned",
        "full",
        ["full"],
    )
    assert {"id", "last_used_at", "created_at"} <= key.keys()
    assert merchant.key not in str(body)
    assert body["usage"] == {"month": f"{datetime.now(UTC):%Y-%m}", "active_users": 2, "limit": 1000, "events": 3}


def test_get__a_partner__sees_nothing_of_its_customers(acme: Api, merchant: Api) -> None:
    merchant.post("/api/track", {"events": [{"user_id": "a", "event": "e"}]})

    body = settings_of(acme)

    assert body["tenant"]["id"] == str(acme.tenant_id)
    assert [(key["prefix"], key["scope"]) for key in body["api_keys"]] == [(acme.key[:12], "full partner")]
    assert (body["usage"]["active_users"], body["usage"]["events"]) == (0, 0)


@pytest.mark.parametrize("method", ["get", "patch", "put"])
def test_settings__partner_key_without_full_access__is_403(acme: Api, method: str) -> None:
    with staff_context():
        key = issue_key(actor="test", tenant_id=acme.tenant_id, scopes=[Scope.PARTNER])
    api = Api(acme.tenant_id, key.text)

    response = {
        "get": lambda: api.get(PATH),
        "patch": lambda: api.patch(PATH, {}),
        "put": lambda: api.put(f"{PATH}/kill-switch", {"active": True}),
    }[method]()

    assert (response.status_code, response.json()["code"]) == (403, "full_scope_required")


def test_settings__a_suspended_tenant__is_locked_out(merchant: Api) -> None:
    with staff_context():
        set_plan_status(actor="test", tenant_id=merchant.tenant_id, plan_status=PlanStatus.SUSPENDED)

    for response in (merchant.get(PATH), merchant.patch(PATH, {"name": "x"})):
        assert (response.status_code, response.json()["code"]) == (403, "suspended_by_staff")


# --- Changing -------------------------------------------------------------------------------------------------------


def test_patch__name_and_config__change_in_one_audit_entry(merchant: Api) -> None:
    merchant.patch(PATH, {"config": {"a": {"x": 1, "y": 1}, "gone": 1}})

    response = merchant.patch(PATH, {"name": "Renamed", "config": {"a": {"y": 2}, "gone": None}})

    assert response.status_code == 200, response.content
    assert response.json()["tenant"] == settings_of(merchant)["tenant"]
    assert (response.json()["tenant"]["name"], config_of(merchant)) == ("Renamed", {"a": {"x": 1, "y": 2}})
    assert audited(merchant)[1:] == [
        {
            "actor": merchant.actor,
            "name": {"from": "Merchant", "to": "Renamed"},
            "config": {"from": {"a": {"x": 1, "y": 1}, "gone": 1}, "to": {"a": {"x": 1, "y": 2}}},
        }
    ]


@pytest.mark.parametrize("body", [{}, {"name": "Merchant"}, {"config": {}}, {"config": {"never": None}}])
def test_patch__nothing_new__changes_and_audits_nothing(merchant: Api, body: dict[str, Any]) -> None:
    assert merchant.patch(PATH, body).status_code == 200
    assert audited(merchant) == []


def test_patch__one_for_true__is_a_change(merchant: Api) -> None:
    merchant.patch(PATH, {"config": {"a": 1}})
    merchant.patch(PATH, {"config": {"a": True}})

    assert config_of(merchant)["a"] is True


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"name": ""}, "/name", "blank"),
        ({"name": None}, "/name", "null"),
        ({"name": 5}, "/name", "not_a_string"),
        ({"name": "x" * 201}, "/name", "max_length"),
        ({"config": None}, "/config", "null"),
        ({"config": []}, "/config", "not_an_object"),
        ({"plan_tier": "scale"}, "/plan_tier", "unknown_field"),
        ({"tracked_user_limit": 9}, "/tracked_user_limit", "unknown_field"),
        ({"kill_switch_active": True}, "/kill_switch_active", "unknown_field"),
        ({"config": {"holdout_percent": 51}}, "/config/holdout_percent", "out_of_range"),
        ({"config": {"big": "x" * 2**16}}, "/config", "too_large"),
    ],
)
def test_patch__bad_field__is_400_and_names_it(merchant: Api, body: dict[str, Any], pointer: str, code: str) -> None:
    response = merchant.patch(PATH, body)

    assert (response.status_code, faults(response)) == (400, [(pointer, code)])
    assert audited(merchant) == []


def test_patch__several_bad_keys__are_all_named(standalone: Api) -> None:
    response = standalone.patch(PATH, {"config": {"overage": "maybe", "retention_days": 31, "mine": 1}})

    assert faults(response) == [("/config/overage", "invalid_choice"), ("/config/retention_days", "invalid_choice")]
    assert config_of(standalone) == {}


def test_patch__a_key_that_was_bad_before__does_not_stop_another(standalone: Api) -> None:
    with staff_context():
        Tenant.objects.filter(id=standalone.tenant_id).update(config={"retention_days": 31})

    assert standalone.patch(PATH, {"config": {"learning": "off"}}).status_code == 200
    assert standalone.patch(PATH, {"config": {"retention_days": 30}}).status_code == 200
    assert config_of(standalone) == {"retention_days": 30, "learning": "off"}


@pytest.mark.parametrize("patch", [{"overage": "allow"}, {"retention_days": None}, {"retention_days": 1095}])
def test_patch__a_customer__cannot_change_what_its_partner_sets(acme: Api, patch: dict[str, Any]) -> None:
    merchant = acme.provision("merchant", config={"retention_days": 30})

    response = merchant.patch(PATH, {"config": {**patch, "mine": 1}})

    (key,) = patch
    assert (response.status_code, response.json()["code"]) == (403, "config_set_by_partner")
    assert faults(response) == [(f"/config/{key}", "config_set_by_partner")]
    assert config_of(merchant) == {"retention_days": 30}


def test_patch__a_customer_sends_what_its_partner_set__is_no_change_of_it(acme: Api) -> None:
    merchant = acme.provision("merchant", config={"retention_days": 30})

    response = merchant.patch(PATH, {"config": {"retention_days": 30, "overage": None, "action_budget_usd": "25.00"}})

    assert response.status_code == 200, response.content
    assert config_of(merchant) == {"retention_days": 30, "action_budget_usd": "25.00"}


def test_patch__standalone_and_partner__set_their_own(acme: Api, standalone: Api) -> None:
    for api in (acme, standalone):
        assert api.patch(PATH, {"config": {"overage": "allow", "retention_days": 365}}).status_code == 200
        assert config_of(api) == {"overage": "allow", "retention_days": 365}


def test_patch__of_one_tenant__leaves_the_others(acme: Api, merchant: Api) -> None:
    other = acme.provision("other")

    merchant.patch(PATH, {"name": "Renamed"})
    acme.patch(PATH, {"name": "Acme & Sons"})

    assert [settings_of(api)["tenant"]["name"] for api in (acme, merchant, other)] == [
        "Acme & Sons",
        "Renamed",
        "Other",
    ]


@pytest.mark.parametrize(("path", "field"), SWITCHES)
def test_switch__on_and_off__is_kept_and_audited_once_each(merchant: Api, path: str, field: str) -> None:
    for active in (True, True, False):
        response = merchant.put(f"{PATH}/{path}", {"active": active})
        assert response.status_code == 200, response.content
        assert response.json()["tenant"][field] is active
        assert settings_of(merchant)["tenant"][field] is active

    control = field.removesuffix("_active")
    assert [
        (entry["actor"], entry[control]["from"]["active"], entry[control]["to"]["active"])
        for entry in audited(merchant)
    ] == [(merchant.actor, False, True), (merchant.actor, True, False)]


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/active", "required"),
        ({"active": None}, "/active", "null"),
        ({"active": "true"}, "/active", "invalid"),
        ({"active": 1}, "/active", "invalid"),
        ({"active": []}, "/active", "invalid"),
        ({"active": True, "until": 5}, "/until", "unknown_field"),
    ],
)
@pytest.mark.parametrize("switch", SWITCHES)
def test_switch__rubbish__is_400(merchant: Api, switch: tuple[str, str], body: Any, pointer: str, code: str) -> None:
    path, field = switch
    response = merchant.put(f"{PATH}/{path}", body)

    assert (response.status_code, faults(response)) == (400, [(pointer, code)])
    assert settings_of(merchant)["tenant"][field] is False


# --- All at once ----------------------------------------------------------------------------------------------------


def send(server: Server, api: Api, method: str, path: str, body: Any) -> Any:
    response = server.send(api, method, path, body)
    assert response.status_code == 200, response.text
    return response.json()


def test_patch__forty_keys_in_parallel__all_stand(merchant: Api, server: Server) -> None:
    keys = [f"key-{n}" for n in range(40)]

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(lambda key: send(server, merchant, "PATCH", PATH, {"config": {key: key}}), keys))

    assert config_of(merchant) == {key: key for key in keys}
    assert len(audited(merchant)) == 40


def test_usage__after_parallel_batches__is_what_track_accepted(acme: Api, merchant: Api, server: Server) -> None:
    """As the customer and as its partner see it; batches overlap in users and in idempotency keys."""
    batches = [
        [
            {"user_id": f"u{(3 * batch + n) % 70}", "event": "e", "idempotency_key": f"k{(7 * batch + n) % 400}"}
            for n in range(50)
        ]
        for batch in range(40)
    ]

    with ThreadPoolExecutor(20) as threads:
        answers = list(
            threads.map(lambda batch: send(server, merchant, "POST", "/api/track", {"events": batch}), batches)
        )

    accepted = sum(answer["accepted"] for answer in answers)
    users = {item["user_id"] for batch in batches for item in batch}
    assert accepted == len({item["idempotency_key"] for batch in batches for item in batch})
    usage = settings_of(merchant)["usage"]
    assert (usage["active_users"], usage["events"]) == (len(users), accepted)
    assert acme.get(f"/api/partners/customers/{merchant.tenant_id}").json()["customer"]["usage"] == usage
    (listed,) = acme.get("/api/partners/stats").json()["customers"]
    assert listed["usage"] == usage
