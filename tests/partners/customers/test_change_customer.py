from typing import Any
from uuid import UUID, uuid4

import pytest

from tenants.context import staff_context
from tenants.models import AuditEntry, PlanStatus
from tenants.services import set_plan_status
from tests.conftest import Api


def path(customer: object) -> str:
    return f"/api/partners/customers/{customer}"


def customer_of(acme: Api, merchant: Api) -> Any:
    return acme.get(path(merchant.tenant_id)).json()["customer"]


def audited(api: Api) -> list[dict[str, Any]]:
    with staff_context():
        entries = (
            AuditEntry.objects.filter(tenant_id=api.tenant_id, action__startswith="customer.")
            .exclude(action="customer.created")
            .order_by("id")
        )
        return [{"actor": entry.actor, **entry.detail["changes"]} for entry in entries]


def test_change__every_field__is_kept_answered_and_audited_once(acme: Api) -> None:
    acme.register()
    merchant = acme.provision("merchant", config={"overage": "reject", "deep": {"a": 1}})
    change = {
        "name": "Renamed",
        "plan_tier": "scale",
        "plan_status": "suspended",
        "tracked_user_limit": 7,
        "kill_switch_active": True,
        "shadow_mode": True,
    }

    response = acme.patch(path(merchant.tenant_id), {**change, "config": {"overage": "allow", "deep": {"b": 2}}})

    assert response.status_code == 200, response.content
    customer = response.json()["customer"]
    assert customer == customer_of(acme, merchant)
    assert {name: customer[name] for name in change} == change
    assert customer["config"] == {"overage": "allow", "deep": {"a": 1, "b": 2}}
    assert customer["usage"]["limit"] == 7
    (entry,) = audited(merchant)
    assert entry.pop("actor") == acme.actor
    said = {"kill_switch", "shadow_mode", "suspension"}
    assert (
        entry.keys() == {"name", "plan_tier", "plan_status", "tracked_user_limit", "config", "config_by_partner"} | said
    )
    assert entry["plan_tier"] == {"from": "starter", "to": "scale"}


def test_change__nothing__changes_nothing(acme: Api, merchant: Api) -> None:
    before = customer_of(acme, merchant)

    assert acme.patch(path(merchant.tenant_id), {}).json()["customer"] == before
    assert audited(merchant) == []


def test_change__overage_allowed__lets_new_users_in_at_once(acme: Api) -> None:
    merchant = acme.provision("merchant", tracked_user_limit=0)
    batch = {"events": [{"user_id": "u", "event": "e"}]}
    assert merchant.post("/api/track", batch).json()["accepted"] == 0

    acme.patch(path(merchant.tenant_id), {"config": {"overage": "allow"}})

    assert merchant.post("/api/track", batch).json()["accepted"] == 1


def test_change__suspended__locks_the_customers_keys_out_until_lifted(acme: Api, merchant: Api) -> None:
    for plan_status, status in (("suspended", 403), ("active", 200), ("suspended", 403)):
        assert acme.patch(path(merchant.tenant_id), {"plan_status": plan_status}).status_code == 200
        assert merchant.get("/api/settings").status_code == status


def test_change__suspended_by_staff__is_not_the_partners_to_lift(acme: Api, merchant: Api) -> None:
    acme.patch(path(merchant.tenant_id), {"plan_status": "suspended"})
    with staff_context():
        set_plan_status(actor="staff:test", tenant_id=merchant.tenant_id, plan_status=PlanStatus.SUSPENDED)

    response = acme.patch(path(merchant.tenant_id), {"plan_status": "active", "name": "Renamed"})

    assert (response.status_code, response.json()["code"]) == (403, "suspended_by_staff")
    assert customer_of(acme, merchant)["name"] == "Merchant"
    assert acme.patch(path(merchant.tenant_id), {"tracked_user_limit": 5}).status_code == 200
    assert merchant.get("/api/settings").status_code == 403
    with staff_context():
        set_plan_status(actor="staff:test", tenant_id=merchant.tenant_id, plan_status=PlanStatus.ACTIVE)
    assert merchant.get("/api/settings").json()["code"] == "tenant_suspended"  # its partner's own stands
    assert acme.patch(path(merchant.tenant_id), {"plan_status": "active"}).status_code == 200
    assert merchant.get("/api/settings").status_code == 200


def test_change__what_is_not_the_callers_customer__is_the_same_404(
    acme: Api, rival: Api, merchant: Api, foreign_id: UUID
) -> None:
    response = rival.patch(path(foreign_id), {"name": "Taken over"}, X_Request_Id="same")
    nobody = rival.patch(path(uuid4()), {"name": "Taken over"}, X_Request_Id="same")

    assert (response.status_code, nobody.status_code) == (404, 404)
    assert response.content == nobody.content
    assert sorted(set(response.headers) - {"RateLimit"}) == sorted(set(nobody.headers) - {"RateLimit"})
    assert customer_of(acme, merchant)["name"] == "Merchant"


def test_change__by_the_customer__is_403(merchant: Api) -> None:
    response = merchant.patch(path(merchant.tenant_id), {"tracked_user_limit": 10**6})

    assert (response.status_code, response.json()["code"]) == (403, "partner_scope_required")


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"name": " "}, "/name", "blank"),
        ({"plan_tier": "gold"}, "/plan_tier", "invalid_choice"),
        ({"plan_status": "paused"}, "/plan_status", "invalid_choice"),
        ({"plan_status": None}, "/plan_status", "null"),
        ({"tracked_user_limit": -1}, "/tracked_user_limit", "min_value"),
        ({"tracked_user_limit": 2**31}, "/tracked_user_limit", "max_value"),
        ({"config": "{}"}, "/config", "not_an_object"),
        ({"config": {"retention_days": 31}}, "/config/retention_days", "invalid_choice"),
        ({"kill_switch_active": "yes"}, "/kill_switch_active", "invalid"),
        ({"shadow_mode": 0}, "/shadow_mode", "invalid"),
        ({"slug": "other"}, "/slug", "unknown_field"),
        ({"tenant_role": "partner"}, "/tenant_role", "unknown_field"),
        ({"suspended_by_staff": False}, "/suspended_by_staff", "unknown_field"),
    ],
)
def test_change__bad_field__is_400_and_names_it(
    acme: Api, merchant: Api, body: dict[str, Any], pointer: str, code: str
) -> None:
    before = customer_of(acme, merchant)

    response = acme.patch(path(merchant.tenant_id), {"shadow_mode": True, **body})

    assert response.status_code == 400
    assert [(error["pointer"], error["code"]) for error in response.json()["errors"]] == [(pointer, code)]
    assert customer_of(acme, merchant) == before


def test_provision__a_config_retivo_cannot_act_on__is_400(acme: Api) -> None:
    response = acme.post(
        "/api/partners/customers", {"name": "M", "slug": "merchant", "config": {"retention_days": 1, "overage": "no"}}
    )

    assert response.status_code == 400
    assert [error["pointer"] for error in response.json()["errors"]] == ["/config/overage", "/config/retention_days"]
    assert acme.get("/api/partners/customers").json()["total"] == 0
