"""An integration is renamed, switched, deprecated, taken from customers and deleted."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from delivery.services import CANCELLED_WITH_SHARE
from partners.integrations import services
from tests.buffers import reads
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


def test_unshare__with_more_queued_than_is_cancelled_at_once__sends_none_of_it_also_when_it_is_shared_again(
    acme: Api, inbox: Receiver
) -> None:
    shop = merchant_of(acme, inbox.url)
    integration = acme.get(INTEGRATIONS).json()["integrations"][0]["id"]
    shop.dispatch()
    as_owner(
        "INSERT INTO delivery_action (tenant_id, action_type_id, action_type, provider, domain, user_id, parameters,"
        "    status, due_at, attempts, replayed_from, failure_reason, expires_at, revision)"
        " SELECT tenant_id, action_type_id, action_type, provider, '', user_id, parameters, 'pending', now(), 0, 0, '',"
        "    expires_at, revision FROM delivery_action, generate_series(1, %(n)s) n",
        n=CANCELLED_WITH_SHARE + 20,
    )

    answer = acme.send("DELETE", f"{INTEGRATIONS}/{integration}/share/{shop.api.tenant_id}", {"actions": "cancel"})
    assert answer.json()["actions_cancelled"] == CANCELLED_WITH_SHARE
    assert shop.statuses() == {"failed": CANCELLED_WITH_SHARE, "pending": 21}
    as_owner(
        "UPDATE delivery_action SET due_at = now() + interval '1 hour' WHERE ctid IN"
        " (SELECT ctid FROM delivery_action WHERE status = 'pending' LIMIT 10)"
    )
    work()
    acme.post(f"{INTEGRATIONS}/{integration}/share", {"customer_tenant_id": str(shop.api.tenant_id)})
    as_owner("UPDATE delivery_action SET due_at = now() WHERE status = 'pending'")
    later = shop.dispatch()
    work()

    assert inbox.ids == [later]
    assert shop.statuses() == {"failed": CANCELLED_WITH_SHARE + 21, "delivered": 1}
    reasons = as_owner("SELECT DISTINCT failure_reason FROM delivery_action WHERE status = 'failed'")
    assert reasons == [("integration_unshared",)]
    # What is finished the next time is sent.
    last = shop.dispatch()
    acme.send("DELETE", f"{INTEGRATIONS}/{integration}/share/{shop.api.tenant_id}", {"actions": "finish"})
    work()
    assert inbox.ids == [later, last]


def test_share__again_after_it_was_taken__keeps_what_the_customer_switched_off(acme: Api, path: str) -> None:
    shop = acme.provision("shop", external_id="shop-1")
    found = {each["name"]: each for each in shop.get(ACTION_TYPES).json()["action_types"]}
    shop.delete(f"{ACTION_TYPES}/{found['send_voucher']['id']}")
    acme.delete(f"{path}/share/ext:shop-1")
    acme.post(f"{path}/revisions", {"event_mappings": [{"from": "order.paid", "to": "paid"}]})
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


@pytest.mark.parametrize("drift", [None, "false", "true"])
def test_customers__of_many__are_read_by_the_index_and_no_further_than_a_page_asks(
    acme: Api, path: str, drift: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 100,000 of them a page is read as fast as the first; of what drifted so many are looked at."""
    monkeypatch.setattr(services, "LOOK", 100)
    many(acme, 2000)
    query = {"limit": 10, **({} if drift is None else {"drift": drift})}
    page = acme.get(f"{path}/customers", query).json()

    with reads() as read:
        page = acme.get(f"{path}/customers", {**query, "cursor": page["next_cursor"]}).json()

    (rows,) = [each for each in read if "switched_off" in each.sql and "LIMIT" in each.sql and "t.name" in each.sql]
    assert rows.rows < 3000
    assert page["total_is_exact"] is (drift is None)
    assert len(page["customers"]) == (0 if drift == "true" else 10)
    assert page["next_cursor"] is not None
    assert page["total"] == {None: 2000, "false": 100, "true": 0}[drift]


def test_customers__that_drifted__are_all_found_page_by_page(
    acme: Api, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "LOOK", 7)
    many(acme, 40)
    as_owner("UPDATE integrations_actiontype SET active = false WHERE tenant_id::text < '4'")
    wanted = as_owner("SELECT DISTINCT tenant_id::text FROM integrations_actiontype WHERE NOT active")
    found: list[str] = []
    query: dict[str, Any] = {"limit": 3, "drift": "true"}
    while True:
        page = acme.get(f"{path}/customers", query).json()
        found += [each["tenant_id"] for each in page["customers"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]

    assert sorted(found) == sorted(each for (each,) in wanted)


def many(partner: Api, customers: int) -> None:
    """As many customers that have the partner's integration, as its first revision is."""
    as_owner(
        """
        WITH made AS (
            INSERT INTO tenants_tenant (id, name, slug, tenant_role, parent_id, plan_tier, plan_status,
                tracked_user_limit, config, config_by_partner, metadata)
            SELECT gen_random_uuid(), 'Shop ' || n, 'many-' || n, 'customer', %(partner)s, 'growth', 'active', 1000,
                '{}', '{}', '{}' FROM generate_series(1, %(customers)s) n
            RETURNING id
        ), shared AS (
            INSERT INTO integrations_integrationshare (tenant_id, partner_id, integration_id, revision, created_at)
            SELECT m.id, %(partner)s, i.id, i.revision, now() + random() * interval '1 hour'
            FROM made m, integrations_partnerintegration i WHERE i.tenant_id = %(partner)s
            RETURNING tenant_id, integration_id, revision
        )
        INSERT INTO integrations_actiontype (tenant_id, partner_id, integration_id, template_id, revision, provider,
            domain, name, description, parameters_schema, delivery_webhook, estimated_cost_usd, active)
        SELECT s.tenant_id, i.tenant_id, i.id, m.template_id, m.revision, i.provider, i.domain, m.name, m.description,
            m.parameters_schema, m.delivery_webhook, m.estimated_cost_usd, true
        FROM shared s JOIN integrations_partnerintegration i ON i.id = s.integration_id
        JOIN integrations_revisiontemplate m ON m.integration_id = i.id AND m.revision = s.revision
        """,
        partner=partner.tenant_id,
        customers=customers,
    )
    as_owner("ANALYZE integrations_integrationshare, integrations_actiontype, tenants_tenant")
