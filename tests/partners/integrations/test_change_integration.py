"""An integration is renamed, switched, deprecated, taken from customers and deleted."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import Api
from tests.delivery.cast import merchant_of, work
from tests.delivery.receiver import Receiver, receiver
from tests.owner import as_owner
from tests.partners.rollouts import cast
from tests.partners.rollouts.cast import INTEGRATIONS, events, publish, roll_out

ACTION_TYPES = "/api/external/action-types"


@pytest.fixture
def inbox() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
def path(acme: Api) -> str:
    return f"{INTEGRATIONS}/{acme.register()['id']}"


def soon(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


# --- One ------------------------------------------------------------------------------------------------------------


def test_get__an_integration__is_as_the_list_has_it(acme: Api, rival: Api, path: str) -> None:
    assert acme.get(path).json()["integration"] == acme.get(INTEGRATIONS).json()["integrations"][0]
    for method in ("get", "delete"):
        assert getattr(rival, method)(path).status_code == 404
    assert rival.patch(path, {"active": False}).status_code == 404


def test_patch__name_and_switch__are_changed_at_once(acme: Api, path: str) -> None:
    shop = acme.provision("shop")

    changed = acme.patch(path, {"display_name": "Rewards", "active": False}).json()["integration"]
    assert (changed["display_name"], changed["active"]) == ("Rewards", False)
    acme.patch(path, {"active": True})
    acme.patch(path, {"active": True})  # changes nothing

    assert events(acme, "integration.")[1:] == ["integration.updated", "integration.switched_on"]
    assert acme.get(f"/api/partners/customers/{shop.tenant_id}").json()["customer"]["integrations"][0]["revision"] == 1


@pytest.mark.parametrize("body", [{"provider": "x"}, {"display_name": ""}, {"active": 1}, {"domain": "x"}])
def test_patch__what_does_not_change__is_400(acme: Api, path: str, body: Any) -> None:
    assert acme.patch(path, body).status_code == 400


def test_delete__an_integration__is_409_until_nobody_has_it(acme: Api, path: str) -> None:
    shop = acme.provision("shop")

    answer = acme.delete(path)
    assert (answer.status_code, answer.json()["code"]) == (409, "integration_shared")
    assert answer.json()["customers_shared"] == 1
    acme.delete(f"{path}/share/{shop.tenant_id}")
    assert acme.delete(path).json() == {"deleted": True}

    assert acme.get(path).status_code == acme.delete(path).status_code == 404
    assert acme.get(INTEGRATIONS).json() == {"integrations": [], "total": 0, "next_cursor": None}
    acme.register()  # the provider is free again
    assert len(events(acme, "integration.deleted")) == 1


# --- Shares ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("actions", "status"), [("finish", "delivered"), ("cancel", "failed")])
def test_unshare__with_queued_actions__finishes_or_cancels_them(
    acme: Api, inbox: Receiver, actions: str, status: str
) -> None:
    shop = merchant_of(acme, inbox.url)
    integration = acme.get(INTEGRATIONS).json()["integrations"][0]["id"]
    queued = shop.dispatch()

    answer = acme.send("DELETE", f"{INTEGRATIONS}/{integration}/share/{shop.api.tenant_id}", {"actions": actions})
    work()

    assert answer.json() == {"shared": False, "actions_cancelled": int(actions == "cancel")}
    action = shop.action(queued)
    assert (action.status, action.failure_reason) == (status, "integration_unshared" if actions == "cancel" else "")
    assert [each["withdrawn"] for each in shop.api.get(ACTION_TYPES).json()["action_types"]] == [True]
    decided = shop.api.post("/api/decisions/recommend", {"user_id": "u1", "dispatch": True}).json()
    assert decided["action_id"] is None
    shown = acme.get(f"/api/partners/customers/{shop.api.tenant_id}").json()["customer"]
    assert (shown["integrations"], shown["action_types"]["total"]) == ([], 0)
    assert acme.delete(f"{INTEGRATIONS}/{integration}/share/{shop.api.tenant_id}").status_code == 404


def test_share__again_after_it_was_taken__keeps_what_the_customer_switched_off(acme: Api, path: str) -> None:
    shop = acme.provision("shop", external_id="shop-1")
    found = {each["name"]: each for each in shop.get(ACTION_TYPES).json()["action_types"]}
    shop.delete(f"{ACTION_TYPES}/{found['send_voucher']['id']}")
    acme.delete(f"{path}/share/ext:shop-1")
    acme.post(f"{path}/revisions", {"note": "The same"})
    roll_out(acme, path.rpartition("/")[2])
    cast.work(acme)

    answer = acme.post(f"{path}/share", {"customer_tenant_id": str(shop.tenant_id)})

    assert answer.json()["action_types_registered"] == 2
    again = {each["name"]: each for each in shop.get(ACTION_TYPES).json()["action_types"]}
    assert {name: each["id"] for name, each in again.items()} == {name: each["id"] for name, each in found.items()}
    assert {name: (each["active"], each["revision"]) for name, each in again.items()} == {
        "grant_points": (True, 2),
        "send_voucher": (False, 2),
    }


def test_share__with_all__reaches_each_once_and_tells_of_each(acme: Api, rival: Api) -> None:
    shops = [acme.provision(f"shop-{n}") for n in range(5)]
    rival.provision("foreign")
    path = f"{INTEGRATIONS}/{acme.register()['id']}/share"
    acme.post(path, {"customer_tenant_id": str(shops[0].tenant_id)})

    begun = acme.post(path, {"all": True})
    again = acme.post(path, {"all": True})
    new = acme.provision("new")
    cast.work(acme)

    assert (begun.status_code, again.status_code) == (202, 202)
    sharing = begun.json()["sharing"]
    assert (sharing["status"], sharing["customers"], sharing["shared"], sharing["left"]) == ("running", 4, 0, 4)
    assert again.json()["sharing"]["id"] == sharing["id"]
    done = acme.get(path).json()["sharing"]
    assert (done["status"], done["shared"], done["left"]) == ("completed", 4, 0)
    assert set(cast.revisions(acme)) == {shop.tenant_id for shop in (*shops, new)}
    assert events(acme, "integration.shar").count("integration.shared") == 5
    assert events(acme, "integration.sharing_started") == ["integration.sharing_started"]
    assert as_owner("SELECT count(*) FROM tenants_auditentry WHERE action = 'integration.shared'") == [(5,)]


@pytest.mark.parametrize(
    "body",
    [{}, {"all": False}, {"all": 1}, {"all": True, "customer_tenant_id": "0b9f6d7e-5a3c-4c57-9d0e-3f5d1f6a7b21"}],
)
def test_share__with_neither_or_both__is_400(acme: Api, path: str, body: Any) -> None:
    assert acme.post(f"{path}/share", body).status_code == 400


def test_share__asked_for_by_nobody_yet__is_404(acme: Api, path: str) -> None:
    assert acme.get(f"{path}/share").status_code == 404


# --- Deprecation ----------------------------------------------------------------------------------------------------


def test_deprecate__an_integration__is_shared_with_nobody_more_and_told_to_who_has_it(acme: Api, path: str) -> None:
    shop = acme.provision("shop")
    until = soon(30)

    answer = acme.post(f"{path}/deprecate", {"sunset_at": until})

    assert answer.status_code == 200, answer.content
    shown = answer.json()["integration"]
    listed = shop.get(ACTION_TYPES)
    for each in listed.json()["action_types"]:
        assert (each["deprecated_at"], each["sunset_at"]) == (shown["deprecated_at"], shown["sunset_at"])
        one = shop.get(f"{ACTION_TYPES}/{each['id']}")
        assert one.headers["Sunset"].endswith("GMT")
        assert one.headers["Deprecation"].startswith("@")
    assert listed.headers["Sunset"].endswith("GMT")
    assert acme.provision("new").get(ACTION_TYPES).json()["action_types"] == []
    other = as_owner("SELECT id FROM tenants_tenant WHERE slug = 'new'")[0][0]
    for body in ({"customer_tenant_id": str(other)}, {"all": True}):
        assert acme.post(f"{path}/share", body).json()["code"] == "integration_deprecated"
    again = acme.post(f"{path}/share", {"customer_tenant_id": str(shop.tenant_id)})
    assert again.status_code == 200  # it has it

    taken_back = acme.post(f"{path}/deprecate", {"sunset_at": None}).json()["integration"]
    assert (taken_back["deprecated_at"], taken_back["sunset_at"]) == (None, None)
    assert "Sunset" not in shop.get(ACTION_TYPES).headers
    assert len(events(acme, "integration.deprecated")) == 2


@pytest.mark.parametrize("body", [{}, {"sunset_at": "2027-01-01"}, {"sunset_at": soon(20)}, {"sunset_at": 5}])
def test_deprecate__without_three_weeks_notice__is_400(acme: Api, path: str, body: Any) -> None:
    answer = acme.post(f"{path}/deprecate", body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/sunset_at")


# --- Who has it -----------------------------------------------------------------------------------------------------


def test_customers__by_revision_and_drift__say_where_each_stands(acme: Api, path: str) -> None:
    shops = [acme.provision(f"shop-{n}", external_id=f"shop-{n}") for n in range(3)]
    found = {each["name"]: each["id"] for each in shops[0].get(ACTION_TYPES).json()["action_types"]}
    shops[0].delete(f"{ACTION_TYPES}/{found['grant_points']}")
    publish(acme, path.rpartition("/")[2])
    roll_out(acme, path.rpartition("/")[2], to={"customer_ids": ["ext:shop-1"]})
    cast.work(acme)

    def names(**query: Any) -> list[str]:
        page = acme.get(f"{path}/customers", query).json()
        assert page["total"] == len(page["customers"])
        return [each["external_id"] for each in page["customers"]]

    assert names() == ["shop-0", "shop-1", "shop-2"]
    assert names(revision=2) == ["shop-1"]
    assert names(drift="true") == ["shop-0", "shop-1"]
    assert names(drift="false") == ["shop-2"]
    first = acme.get(f"{path}/customers", {"limit": 1}).json()
    assert first["customers"][0]["switched_off"] == ["grant_points"]
    rest = acme.get(f"{path}/customers", {"limit": 5, "cursor": first["next_cursor"]}).json()
    assert [each["external_id"] for each in rest["customers"]] == ["shop-1", "shop-2"]
