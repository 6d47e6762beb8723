"""A partner's switches for all of its customers, and for a part of what it does there."""

import json
import re
from typing import Any
from uuid import uuid4

import pytest

from tenants.context import staff_context
from tenants.models import AuditEntry, Scope
from tenants.services import issue_key
from tests.conftest import Api
from tests.decisions.deciding import acted, names, reasons, recommend, shop_of
from tests.tenants.controls.layers import claimed, of_fleet, of_partner, of_self

KILL, SHADOW = "/api/partners/kill-switch", "/api/partners/shadow-mode"


def audited(api: Api) -> list[tuple[str, Any]]:
    with staff_context():
        entries = AuditEntry.objects.filter(tenant_id=api.tenant_id, action__startswith="partner.").order_by("id")
        return [(entry.action, entry.detail) for entry in entries if entry.action != "partner.created"]


@pytest.fixture
def shop(acme: Api) -> Api:
    return shop_of(acme)


@pytest.mark.parametrize("switch", ["kill-switch", "shadow-mode"])
@pytest.mark.parametrize("scope", [Scope.SETTINGS_WRITE, Scope.FULL])
def test_partners_own_switch__without_the_scope_of_fleets__is_not_turned(acme: Api, switch: str, scope: Scope) -> None:
    """It is the fleet's by another way."""
    with staff_context():
        key = issue_key(actor="test", tenant_id=acme.tenant_id, scopes=[scope])

    answer = Api(acme.tenant_id, key.text).put(f"/api/settings/{switch}", {"active": False})

    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    assert answer.json()["required_scope"] == "partner:switches"


def test_kill_switch__of_all__holds_every_customer_of_today_and_tomorrow(acme: Api, rival: Api, shop: Api) -> None:
    foreign = shop_of(rival, "foreign")

    answer = of_fleet(acme, "kill_switch", on=True)

    assert answer.status_code == 200, answer.content
    said = answer.json()["kill_switch"]
    assert (said["active"], said["reason"], said["parts"], said["customers_changed"]) == (True, "fleet", [], None)
    assert acme.get(KILL).json()["kill_switch"] == {name: said[name] for name in said if name != "customers_changed"}
    for api in (shop, acme.provision("later")):
        of_self(api, "kill_switch", on=False)
        found = api.get("/api/me").json()["effective"]
        assert (found["because"], found["by"], found["reason"]) == (["partner_kill_switch"], "partner", "fleet")
    assert foreign.get("/api/me").json()["effective"]["sending"] == "on"
    of_fleet(acme, "kill_switch", on=True)  # as it is
    assert of_fleet(acme, "kill_switch", on=False).json()["kill_switch"]["active"] is False
    assert shop.get("/api/me").json()["effective"]["sending"] == "on"
    assert [action for action, _ in audited(acme)] == ["partner.kill_switch"] * 2


def test_shadow_mode__of_all__reaches_the_customers(acme: Api, shop: Api) -> None:
    of_fleet(acme, "shadow_mode", on=True)

    answer = recommend(shop, dispatch=True)

    assert (names(answer)[-1], answer["action_id"]) == ("partner_shadow_mode", None)


@pytest.mark.parametrize("part", ["integration_id", "action_type"])
def test_kill_switch__of_a_part__excludes_and_holds_that_alone(acme: Api, shop: Api, part: str) -> None:
    sent = acted(shop, dispatch=True, action_types=["grant_points"])
    assert sent["action_id"]
    assert claimed() == 1
    (integration,) = acme.get("/api/partners/integrations").json()["integrations"]
    only = {part: integration["id"] if part == "integration_id" else "grant_points"}

    parts = of_fleet(acme, "kill_switch", on=True, only=only).json()["kill_switch"]["parts"]

    assert [(found["provider"], found["action_type"], found["reason"]) for found in parts] == [
        ("shop-loyalty", only.get("action_type"), "fleet")
    ]
    assert claimed() == 0
    excluded = reasons(recommend(shop))
    assert excluded["grant_points"] == "action_kill_switch"
    assert excluded["send_voucher"] == ("action_kill_switch" if part == "integration_id" else None)
    assert shop.get("/api/me").json()["effective"]["sending"] == "on"

    of_fleet(acme, "kill_switch", on=False, only=only)
    assert claimed() == 1
    assert acme.get(KILL).json()["kill_switch"]["parts"] == []
    assert [(action, detail["only"]) for action, detail in audited(acme)] == [("partner.kill_switch", only)] * 2


def test_shadow_mode__of_an_action_type__sends_nothing_of_it(acme: Api, shop: Api) -> None:
    of_fleet(acme, "shadow_mode", on=True, only={"action_type": "grant_points"})

    answer = acted(shop, dispatch=True, action_types=["grant_points"])
    assert (answer["action"], answer["action_id"], names(answer)) == ("grant_points", None, ["partner_shadow_mode"])
    assert acted(shop, "u1", dispatch=True, action_types=["send_voucher"])["action_id"]


def test_switch__of_a_filter__is_said_of_each_that_matches(acme: Api, shop: Api) -> None:
    growth = acme.provision("growth", plan_tier="growth")
    only = {"filter": {"plan_tier": "growth"}}

    first, again = (of_fleet(acme, "kill_switch", on=True, only=only).json()["kill_switch"] for _ in range(2))

    assert (first["active"], first["customers_changed"], again["customers_changed"]) == (False, 1, 0)
    assert growth.get("/api/me").json()["effective"]["because"] == ["partner_kill_switch"]
    assert shop.get("/api/me").json()["effective"]["because"] == []
    customer = acme.get(f"/api/partners/customers/{growth.tenant_id}").json()["customer"]
    assert customer["controls"]["kill_switch"]["reason"] == "fleet"
    assert of_fleet(acme, "kill_switch", on=False, only=only).json()["kill_switch"]["customers_changed"] == 1
    assert growth.get("/api/me").json()["effective"]["sending"] == "on"
    assert [detail["customers"] for _, detail in audited(acme)] == [1, 1]


def told(acme: Api, customer: Api) -> list[tuple[Any, Any]]:
    """The entries and events of a customer, without what they are of and when."""
    query = {"customer_id": str(customer.tenant_id)}
    entries = [
        (entry["action"], entry["actor"], entry["target"], entry["changes"], entry["ip"])
        for entry in acme.get("/api/partners/audit", query).json()["entries"][::-1]
    ]
    events = [
        (event["type"], event["actor"], event["data"], event.get("previous"), event["customer"]["external_id"])
        for event in acme.get("/api/partners/events", query).json()["events"]
    ]
    return [
        (re.sub(r"[0-9T:.-]{19,}Z", "then", json.dumps(entry)), re.sub(r"[0-9T:.-]{19,}Z", "then", json.dumps(event)))
        for entry, event in zip(entries, events, strict=True)
    ]


@pytest.mark.parametrize("switch", ["kill_switch", "shadow_mode"])
def test_switch__of_a_filter__is_told_of_each_as_a_change_of_that_customer(
    acme: Api, switch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("partners.switches.services.BATCH", 2)
    alone = acme.provision("alone")
    filtered = [acme.provision(f"shop-{n}", plan_tier="growth") for n in range(3)]
    unheld = acme.provision("unheld", plan_tier="growth")
    before = {api: len(told(acme, api)) for api in (alone, *filtered, unheld)}
    only = {"filter": {"plan_tier": "growth"}}
    of_partner(acme, unheld, **{switch: {"active": True, "reason": "one"}})

    for said in (
        {"active": True, "reason": "one"},
        {"active": True, "reason": "two"},
        {"active": True, "reason": "two"},
        {"active": False, "reason": ""},
    ):
        of_partner(acme, alone, **{switch: said})
        path = f"/api/partners/{switch.replace('_', '-')}"
        answer = acme.put(path, said | {"only": only})
        assert answer.status_code == 200, answer.content

    expected = told(acme, alone)[before[alone] :]
    assert len(expected) == 3
    for api in filtered:
        assert told(acme, api)[before[api] :] == expected
    assert told(acme, unheld)[before[unheld] :] == expected  # as it was: told when it was turned alone
    assert len(audited(acme)) == 3


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/active", "required"),
        ({"active": "on"}, "/active", "invalid"),
        ({"active": True, "reason": "x" * 501}, "/reason", "max_length"),
        ({"active": True, "only": {}}, "/only", "not_one"),
        ({"active": True, "only": {"action_type": "a", "filter": {"q": "a"}}}, "/only", "not_one"),
        ({"active": True, "only": {"integration_id": "x"}}, "/only/integration_id", "invalid"),
        ({"active": True, "only": {"filter": {}}}, "/only/filter", "empty"),
        ({"active": True, "only": {"filter": {"plan_tier": "gold"}}}, "/only/filter/plan_tier", "invalid_choice"),
        ({"active": True, "only": {"tenant_id": "x"}}, "/only/tenant_id", "unknown_field"),
    ],
)
def test_switch__rubbish__is_400_and_names_it(acme: Api, body: Any, pointer: str, code: str) -> None:
    for path in (KILL, SHADOW):
        answer = acme.put(path, body)
        assert answer.status_code == 400, answer.content
        assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]


def test_switch__of_what_is_not_the_partners__is_404(acme: Api, rival: Api, shop: Api) -> None:
    (foreign,) = acme.get("/api/partners/integrations").json()["integrations"]
    for only in ({"integration_id": foreign["id"]}, {"integration_id": str(uuid4())}, {"action_type": "grant_points"}):
        answer = of_fleet(rival, "kill_switch", on=True, only=only)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (404, f"/only/{next(iter(only))}")
    assert shop.get("/api/me").json()["effective"]["sending"] == "on"


def test_switch__with_the_scope_for_it_alone__is_turned(acme: Api) -> None:
    with staff_context():
        key = issue_key(actor="test", tenant_id=acme.tenant_id, scopes=[Scope.PARTNER_SWITCHES])
    api = Api(acme.tenant_id, key.text)

    assert of_fleet(api, "kill_switch", on=True).status_code == 200
    assert api.get(KILL).status_code == 403
    assert api.get("/api/me").json()["scopes"] == ["partner:switches"]


@pytest.mark.parametrize("switch", ["kill_switch", "shadow_mode"])
@pytest.mark.parametrize("part", ["integration_id", "action_type"])
def test_part__that_is_held__is_told_wherever_one_asks_why_nothing_is_sent(
    acme: Api, rival: Api, shop: Api, part: str, switch: str
) -> None:
    """What is told is what claim_actions holds."""
    assert acted(shop, dispatch=True, action_types=["grant_points"])["action_id"]
    (integration,) = acme.get("/api/partners/integrations").json()["integrations"]
    only = {part: integration["id"] if part == "integration_id" else "grant_points"}
    foreign = shop_of(rival, "foreign")
    customer = f"/api/partners/customers/{shop.tenant_id}"

    def told() -> list[Any]:
        (found,) = [
            each
            for each in shop.get("/api/external/action-types").json()["action_types"]
            if each["name"] == "grant_points"
        ]
        assert found == shop.get(f"/api/external/action-types/{found['id']}").json()["action_type"]
        of_partner = acme.get(f"/api/partners/integrations/{integration['id']}").json()["integration"]
        assert [of_partner] == acme.get("/api/partners/integrations").json()["integrations"]
        return [
            shop.get("/api/me").json()["effective"]["parts"],
            shop.get("/api/settings").json()["effective"]["parts"],
            acme.get(customer).json()["customer"]["effective"]["parts"],
            of_partner["held"],
            found["held"],
        ]

    assert (told(), claimed()) == ([[]] * 5, 1)
    of_fleet(acme, switch, on=True, only=only)
    *of_tenant, of_integration, of_action_type = told()

    assert claimed() == 0
    name = None if part == "integration_id" else "grant_points"
    for shown in (*of_tenant, of_integration):
        (each,) = shown
        assert (each["switch"], each["action_type"], each["by"], each["reason"]) == (switch, name, "partner", "fleet")
    for (each,) in of_tenant:
        assert (each["integration_id"], each["provider"]) == (integration["id"], integration["provider"])
    assert [(each["switch"], each["by"], each["reason"]) for each in of_action_type] == [(switch, "partner", "fleet")]
    assert len({str(shown[0]["since"])[:19] for shown in (*of_tenant, of_integration, of_action_type)}) == 1
    assert shop.get("/api/me").json()["effective"]["sending"] == "on"
    for other in (foreign, acme):
        assert other.get("/api/me").json()["effective"]["parts"] == []
    of_fleet(acme, switch, on=False, only=only)
    assert (told(), claimed()) == ([[]] * 5, 1)
