"""What a partner says of a customer holds, whatever the customer says."""

from typing import Any

import pytest

from tenants.context import staff_context, tenant_context
from tenants.models import AuditEntry, PartnerEvent
from tests.conftest import Api
from tests.tenants.audit.lines import entries
from tests.tenants.controls.layers import of_partner, of_self, of_staff

SETTINGS = "/api/settings"


def path(api: Api) -> str:
    return f"/api/partners/customers/{api.tenant_id}"


def actions(api: Api) -> list[str]:
    with staff_context():
        entries = AuditEntry.objects.filter(tenant_id=api.tenant_id, detail__has_key="changes").order_by("id")
        return list(entries.values_list("action", flat=True))


def test_partners_word__undone_by_the_customer__stands(acme: Api, merchant: Api) -> None:
    acme.patch(
        path(merchant),
        {
            "kill_switch_active": True,
            "controls": {"action_budget_usd": {"value": "5", "max": "10"}, "holdout_percent": {"min": 10}},
        },
    )

    assert of_self(merchant, "kill_switch", on=False).json()["effective"]["because"] == ["partner_kill_switch"]
    for config in ({"action_budget_usd": "1000000"}, {"holdout_percent": 0}, {"action_budget_usd": None}):
        answer = merchant.patch(SETTINGS, {"config": config})
        assert (answer.status_code, answer.json()["code"]) == (403, "control_bound")
        assert [error["pointer"] for error in answer.json()["errors"]] == [f"/config/{next(iter(config))}"]
    assert merchant.patch(SETTINGS, {"config": {"action_budget_usd": "9.5", "holdout_percent": 11}}).status_code == 200

    customer = acme.get(path(merchant)).json()["customer"]
    assert customer["kill_switch_active"] is True
    assert customer["controls"]["action_budget_usd"] == {"max": "10", "locked": False}
    assert customer["effective"]["action_budget_usd"] == "9.5"
    me = merchant.get("/api/me").json()
    assert (me["limits"]["action_budget_usd_max"], me["limits"]["holdout_percent_min"]) == ("10", 10.0)


def test_bound__below_what_the_customer_has__moves_it(acme: Api, merchant: Api) -> None:
    merchant.patch(SETTINGS, {"config": {"action_budget_usd": 1000, "holdout_percent": 2, "mine": 1}})

    of_partner(acme, merchant, action_budget_usd={"max": 25.5}, holdout_percent={"min": 5})

    config = merchant.get(SETTINGS).json()["tenant"]["config"]
    assert config == {"action_budget_usd": "25.5", "holdout_percent": 5, "mine": 1}
    of_partner(acme, merchant, action_budget_usd=None, holdout_percent=None)
    assert merchant.patch(SETTINGS, {"config": {"action_budget_usd": None, "holdout_percent": 0}}).status_code == 200


@pytest.mark.parametrize("by", ["partner", "staff"])
def test_bound__that_changes_the_config__is_told_with_what_it_was(acme: Api, merchant: Api, by: str) -> None:
    merchant.patch(SETTINGS, {"config": {"action_budget_usd": "500"}})

    if by == "partner":
        of_partner(acme, merchant, action_budget_usd={"max": 7})
    else:
        of_staff(merchant, action_budget_usd={"max": 7})

    (entry,) = entries(acme, limit=1)
    changes = {change["field"]: (change["from"], change["to"]) for change in entry["changes"]}
    assert changes["config.action_budget_usd"] == ("500", "7")
    with tenant_context(acme.tenant_id):
        event = PartnerEvent.objects.order_by("-seq")[0]
    assert (event.type, event.data["by"]) == ("customer.controls_changed", by)
    assert "config.action_budget_usd" in event.data["changed"]
    assert (event.previous or {})["config.action_budget_usd"] == "500"


def test_bound__left_by_the_customer__is_told_in_a_sentence(acme: Api, merchant: Api) -> None:
    of_partner(acme, merchant, action_budget_usd={"value": 5, "max": 10}, holdout_percent={"min": 10})

    for config, said in (
        ({"action_budget_usd": 11}, "Must be at most 10"),
        ({"action_budget_usd": None}, "Required, and at most 10"),
        ({"holdout_percent": 9}, "Must be at least 10"),
        ({"holdout_percent": None}, "Required, and at least 10"),
    ):
        (error,) = merchant.patch(SETTINGS, {"config": config}).json()["errors"]
        assert error["detail"] == f"{said}: the partner set this limit."


@pytest.mark.parametrize("sent", ["5", "2.5", "0"])
def test_bound__of_the_holdout__is_answered_as_it_was_sent(acme: Api, merchant: Api, sent: str) -> None:
    answer = acme.patch(path(merchant), b'{"controls": {"holdout_percent": {"min": %s}}}' % sent.encode())

    for told in (answer, acme.get(path(merchant))):
        assert f'"holdout_percent":{{"min":{sent},"locked":false}}' in told.content.decode()


def test_suspension__without_a_reason__has_the_same_members_in_its_event(acme: Api, merchant: Api) -> None:
    suspended = of_partner(acme, merchant, suspension={"mode": "hold"}).json()["customer"]["suspension"]
    of_partner(acme, merchant, suspension=None)

    (event,) = acme.get("/api/partners/events", {"types": "customer.reactivated"}).json()["events"]
    assert event["previous"]["suspension"] == suspended
    assert suspended["reason"] is None


def test_lock__by_the_partner__is_the_customers_to_see_and_not_to_change(acme: Api, merchant: Api) -> None:
    of_partner(acme, merchant, holdout_percent={"value": 20, "locked": True})

    answer = merchant.patch(SETTINGS, {"config": {"holdout_percent": 30}})
    assert (answer.status_code, answer.json()["code"]) == (403, "control_locked")
    assert merchant.patch(SETTINGS, {"config": {"holdout_percent": 20}}).status_code == 200
    assert of_partner(acme, merchant, holdout_percent={"value": 30}).status_code == 200
    of_staff(merchant, holdout_percent={"min": 25, "locked": True})
    answer = of_partner(acme, merchant, holdout_percent={"value": 26})
    assert (answer.status_code, answer.json()["code"]) == (403, "control_locked")


def test_partner__beyond_its_own_bound__is_400(acme: Api, merchant: Api) -> None:
    answer = of_partner(acme, merchant, action_budget_usd={"value": 11, "max": 10})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/controls/action_budget_usd/value")
    assert acme.get(path(merchant)).json()["customer"]["controls"]["action_budget_usd"]["max"] is None


def test_suspension__hold_then_full_then_lifted__is_shown_and_audited_once_each(acme: Api, merchant: Api) -> None:
    def suspend(suspension: Any) -> Any:
        return of_partner(acme, merchant, suspension=suspension).json()["customer"]

    held = suspend({"mode": "hold", "reason": "Invoice 4711 is overdue."})
    assert (held["plan_status"], held["effective"]["ingesting"]) == ("suspended", "on")
    assert {name: held["suspension"][name] for name in ("mode", "reason", "by")} == {
        "mode": "hold",
        "reason": "Invoice 4711 is overdue.",
        "by": "partner",
    }
    assert acme.patch(path(merchant), {"plan_status": "suspended"}).json()["customer"] == held  # it is, in its mode
    assert merchant.get(SETTINGS).json()["effective"]["reason"] == "Invoice 4711 is overdue."
    full = suspend({"mode": "full"})
    assert (full["suspension"]["since"], full["suspension"]["mode"]) == (held["suspension"]["since"], "full")
    assert merchant.get(SETTINGS).json()["reason"] == "Invoice 4711 is overdue."
    lifted = suspend(None)
    assert (lifted["plan_status"], lifted["suspension"], lifted["effective"]["sending"]) == ("active", None, "on")
    assert actions(merchant) == ["customer.suspended", "customer.suspended", "customer.reactivated"]


def test_partners_suspension__beside_staffs__is_lifted_alone(acme: Api, merchant: Api) -> None:
    of_partner(acme, merchant, suspension={"mode": "full"})
    of_staff(merchant, suspension={"mode": "hold", "reason": "Review"})

    customer = of_partner(acme, merchant, suspension=None).json()["customer"]

    assert customer["suspension"] | {"since": None} == {
        "mode": "hold",
        "reason": "Review",
        "by": "staff",
        "since": None,
    }
    assert customer["effective"]["because"] == ["suspended_by_staff"]
    assert acme.patch(path(merchant), {"plan_status": "active"}).json()["code"] == "suspended_by_staff"


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"controls": []}, "/controls", "invalid"),
        ({"controls": {"pause": {}}}, "/controls/pause", "unknown_field"),
        ({"controls": {"kill_switch": {}}}, "/controls/kill_switch/active", "required"),
        (
            {"controls": {"kill_switch": {"active": True, "reason": "x" * 501}}},
            "/controls/kill_switch/reason",
            "max_length",
        ),
        ({"controls": {"holdout_percent": {"min": 51}}}, "/controls/holdout_percent/min", "out_of_range"),
        ({"controls": {"holdout_percent": {"max": 1}}}, "/controls/holdout_percent/max", "unknown_field"),
        ({"controls": {"action_budget_usd": {"max": "-1"}}}, "/controls/action_budget_usd/max", "invalid_amount"),
        ({"controls": {"action_budget_usd": {"locked": None}}}, "/controls/action_budget_usd/locked", "null"),
        ({"suspension": {"mode": "half"}}, "/suspension/mode", "invalid_choice"),
        ({"suspension": {"reason": "x"}}, "/suspension/mode", "required"),
        ({"suspension": None, "plan_status": "active"}, "/plan_status", "said_twice"),
        ({"shadow_mode": True, "controls": {"shadow_mode": {"active": True}}}, "/shadow_mode", "said_twice"),
    ],
)
def test_controls__rubbish__is_400_and_names_it(acme: Api, merchant: Api, body: Any, pointer: str, code: str) -> None:
    answer = acme.patch(path(merchant), body)

    assert answer.status_code == 400, answer.content
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]
    assert actions(merchant) == []


@pytest.mark.parametrize(("key", "value"), [("holdout_percent", 12.5), ("action_budget_usd", "20")])
def test_value__that_is_locked__is_fixed(acme: Api, merchant: Api, key: str, value: Any) -> None:
    customer = f"/api/partners/customers/{merchant.tenant_id}"
    fixed = acme.patch(customer, {"controls": {key: {"value": value, "locked": True}}})

    assert fixed.status_code == 200, fixed.content
    assert fixed.json()["customer"]["config"][key] == value
    refused = merchant.patch("/api/settings", {"config": {key: 30}})
    assert (refused.status_code, refused.json()["code"]) == (403, "control_locked")


def test_max__of_the_holdout__is_refused_with_what_there_is(acme: Api, merchant: Api) -> None:
    body = {"controls": {"holdout_percent": {"max": 10}}}
    answer = acme.patch(f"/api/partners/customers/{merchant.tenant_id}", body)

    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "/controls/holdout_percent/max"
    assert "min" in error["detail"]


BUDGET, HOLDOUT = "action_budget_usd", "holdout_percent"


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"controls": {BUDGET: {"value": 30}}}, [f"/controls/{BUDGET}/value"]),
        ({"config": {BUDGET: 30}}, [f"/config/{BUDGET}"]),
        (
            {"config": {HOLDOUT: 1}, "controls": {BUDGET: {"value": 30}}},
            [f"/controls/{BUDGET}/value", f"/config/{HOLDOUT}"],
        ),
        # What stands in `controls` counts.
        ({"config": {BUDGET: 5}, "controls": {BUDGET: {"value": 30}}}, [f"/controls/{BUDGET}/value"]),
        ({"controls": {BUDGET: {"value": "much"}}}, [f"/controls/{BUDGET}/value"]),
        ({"controls": {HOLDOUT: {"value": 51}}}, [f"/controls/{HOLDOUT}/value"]),
        ({"controls": {BUDGET: {"value": 5}}, "config": {"overage": "maybe"}}, ["/config/overage"]),
    ],
)
@pytest.mark.parametrize("by", ["partner", "staff"])
def test_fault__of_a_body_with_controls__points_to_what_was_sent(
    acme: Api, merchant: Api, by: str, body: dict[str, Any], pointers: list[str]
) -> None:
    bounds = {BUDGET: {"max": "20"}, HOLDOUT: {"min": 5}}
    if by == "staff":
        of_staff(merchant, **bounds)
    else:
        of_partner(acme, merchant, **bounds)

    answer = acme.patch(path(merchant), body)

    assert answer.status_code in (400, 403)
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers
    assert answer.json()["detail"].startswith(f"{pointers[0]}: ")
