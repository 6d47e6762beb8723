"""Customers are moved from one revision to another, in stages, and back."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import IntegrityError, connection

from integrations.models import ActionType
from tenants.context import tenant_context
from tenants.tasks import delete_tenants
from tests.conftest import Api
from tests.delivery.cast import merchant_of
from tests.delivery.cast import work as deliver
from tests.delivery.receiver import Receiver, receiver
from tests.owner import as_owner
from tests.partners.rollouts.cast import (
    INTEGRATIONS,
    NEXT,
    TEMPLATES,
    events,
    let_stage_pass,
    publish,
    revisions,
    roll_out,
    rollout_of,
    steer,
    work,
)
from tests.tenants.audit.lines import by_system

OWN = {
    "name": "send_card",
    "description": "Our own cards",
    "provider": "acme-loyalty",
    "parameters_schema": {},
    "delivery_webhook": "https://hooks.shop.example/cards",
}


@pytest.fixture
def inbox() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
def integration(acme: Api) -> str:
    registered: str = acme.register()["id"]
    return registered


def provision(acme: Api, number: int) -> list[Api]:
    return [acme.provision(f"shop-{n}") for n in range(number)]


def types_of(api: Api) -> dict[str, tuple[int | None, bool, str]]:
    with tenant_context(api.tenant_id):
        found = ActionType.objects.values_list("name", "revision", "active", "description")
        return {name: rest for name, *rest in ((n, r, a, d) for n, r, a, d in found)}  # type: ignore[misc]


# --- Moving ---------------------------------------------------------------------------------------------------------


def test_rollout__to_all__moves_each_customer_once_and_new_ones_get_it(acme: Api, integration: str) -> None:
    shops = provision(acme, 3)
    publish(acme, integration)

    rollout = roll_out(acme, integration)
    assert (rollout["status"], rollout["customers"], rollout["moved"], rollout["left"]) == ("planned", 3, 0, 3)
    during = acme.provision("during")
    assert revisions(acme)[during.tenant_id] == 1
    work(acme)

    shown = rollout_of(acme, rollout["id"])
    assert (shown["status"], shown["moved"], shown["left"]) == ("completed", 4, 0)
    assert set(revisions(acme).values()) == {2}
    after = acme.provision("after")
    assert revisions(acme)[after.tenant_id] == 2
    assert acme.get(f"{INTEGRATIONS}/{integration}").json()["integration"]["revision"] == 2
    assert set(types_of(after)) == {"grant_points", "send_card"}
    assert {name: revision for name, (revision, *_) in types_of(shops[0]).items()} == {
        "grant_points": 2,
        "send_voucher": None,
        "send_card": 2,
    }
    assert events(acme, "rollout.") == ["rollout.started", "rollout.stage_done", "rollout.completed"]


def test_rollout__of_what_a_customer_switched_off__leaves_it_off_and_its_id(acme: Api, integration: str) -> None:
    (shop,) = provision(acme, 1)
    path = "/api/external/action-types"
    before = {each["name"]: each["id"] for each in shop.get(path).json()["action_types"]}
    shop.delete(f"{path}/{before['grant_points']}")
    publish(acme, integration)

    roll_out(acme, integration)
    work(acme)

    after = {each["name"]: each for each in shop.get(path).json()["action_types"]}
    assert after["grant_points"]["id"] == before["grant_points"]
    assert (after["grant_points"]["active"], after["grant_points"]["revision"]) == (False, 2)
    assert after["grant_points"]["description"] == NEXT[0]["description"]
    assert [name for name, each in after.items() if each["withdrawn"]] == ["send_voucher"]


def test_rollout__of_a_name_that_a_customer_has_itself__leaves_its_own_untouched(acme: Api, integration: str) -> None:
    (shop,) = provision(acme, 1)
    assert shop.post("/api/external/action-types", OWN).status_code == 201
    own = as_owner("SELECT * FROM integrations_actiontype WHERE integration_id IS NULL")
    publish(acme, integration)

    dry = acme.post(f"{INTEGRATIONS}/{integration}/rollouts", {"revision": 2, "to": "all", "dry_run": True})
    roll_out(acme, integration)
    work(acme)

    assert dry.status_code == 200
    found = dry.json()["dry_run"]
    assert (found["customers"], found["compatibility"]) == (1, "breaking")
    assert found["reasons"] == [{"pointer": "/action_type_templates/send_voucher", "code": "action_type_removed"}]
    assert found["conflicts"] == [
        {"tenant_id": str(shop.tenant_id), "action_type": "send_card", "code": "shadowed_by_own"}
    ]
    assert as_owner("SELECT * FROM integrations_actiontype WHERE integration_id IS NULL") == own
    (row,) = acme.get(f"{INTEGRATIONS}/{integration}/customers", {"drift": "true"}).json()["customers"]
    assert (row["tenant_id"], row["revision"], row["shadowed"]) == (str(shop.tenant_id), 2, ["send_card"])


def test_rollout__of_a_suspended_customer__moves_it_too(acme: Api, integration: str) -> None:
    (shop,) = provision(acme, 1)
    acme.patch(f"/api/partners/customers/{shop.tenant_id}", {"plan_status": "suspended"})
    publish(acme, integration)

    roll_out(acme, integration)
    work(acme)

    assert revisions(acme) == {shop.tenant_id: 2}


def test_rollout__of_a_customer_that_is_being_deleted__leaves_it_and_goes_on(acme: Api, integration: str) -> None:
    """The revision has an action type more, whose row it would not take."""
    gone, kept = provision(acme, 2)
    publish(acme, integration)
    rollout = roll_out(acme, integration)
    acme.send("DELETE", f"/api/partners/customers/{gone.tenant_id}", {})

    work(acme)

    assert rollout_of(acme, rollout["id"])["status"] == "completed"
    assert revisions(acme) == {gone.tenant_id: 1, kept.tenant_id: 2}
    steer(acme, rollout["id"], "rollback")
    work(acme)
    assert revisions(acme) == {gone.tenant_id: 1, kept.tenant_id: 1}


def test_rollout__of_a_customer_that_is_gone__ends_without_it(acme: Api, integration: str) -> None:
    shops = provision(acme, 4)
    publish(acme, integration)
    rollout = roll_out(acme, integration, stages=[{"percent": 25, "wait_minutes": 30}])
    work(acme)
    (gone, *_) = [shop for shop in shops if revisions(acme)[shop.tenant_id] == 1]
    acme.send("DELETE", f"/api/partners/customers/{gone.tenant_id}", {"grace_days": 0})
    delete_tenants(timestamp=0)
    let_stage_pass()

    work(acme)

    shown = rollout_of(acme, rollout["id"])
    assert (shown["status"], shown["moved"], shown["left"]) == ("completed", 3, 0)


@pytest.mark.parametrize(
    ("to", "shown", "moved"),
    [
        ({"percent": 50}, {"percent": 50}, 2),
        ({"customer_ids": ["ext:shop-1"]}, {"customer_ids": 1}, 1),
        ({"filter": {"external_id": "shop-1"}}, {"filter": ["external_id"]}, 1),
        ({"filter": {"q": "shop"}}, {"filter": ["q"]}, 4),
    ],
)
def test_rollout__to_a_part__moves_it_alone_and_new_customers_stay_at_before(
    acme: Api, integration: str, to: Any, shown: Any, moved: int
) -> None:
    for number in range(4):
        acme.provision(f"shop-{number}", external_id=f"shop-{number}")
    publish(acme, integration)

    rollout = roll_out(acme, integration, to=to)
    work(acme)

    assert rollout["to"] == shown  # nothing that names a customer, which would outlive it
    assert sorted(revisions(acme).values()) == [1] * (4 - moved) + [2] * moved
    assert rollout_of(acme, rollout["id"])["status"] == "completed"
    later = acme.provision("later")
    assert revisions(acme)[later.tenant_id] == 1


def test_rollout__in_stages__waits_between_them(acme: Api, integration: str) -> None:
    provision(acme, 4)
    publish(acme, integration)
    stages = [{"percent": 25, "wait_minutes": 30}, {"percent": 50, "wait_minutes": 30}]

    rollout = roll_out(acme, integration, stages=stages)
    seen = []
    for _ in range(3):
        work(acme)
        shown = rollout_of(acme, rollout["id"])
        seen.append((shown["status"], shown["stage"], shown["moved"]))
        let_stage_pass()

    assert seen == [("running", 1, 1), ("running", 2, 2), ("completed", 3, 4)]
    assert events(acme, "rollout.stage_done") == ["rollout.stage_done"] * 3
    assert by_system(acme) == [("rollout.completed", "rollout"), *[("rollout.stage_done", "rollout")] * 3]


def test_rollout__paused__moves_nobody_until_it_is_resumed(acme: Api, integration: str) -> None:
    provision(acme, 2)
    publish(acme, integration)
    rollout = roll_out(acme, integration)

    assert steer(acme, rollout["id"], "pause").json()["rollout"]["status"] == "paused"
    work(acme)
    assert set(revisions(acme).values()) == {1}
    assert steer(acme, rollout["id"], "pause").json()["code"] == "rollout_not_running"

    assert steer(acme, rollout["id"], "resume").json()["rollout"]["status"] == "running"
    work(acme)
    assert set(revisions(acme).values()) == {2}
    assert steer(acme, rollout["id"], "resume").json()["code"] == "rollout_not_paused"


# --- Back -----------------------------------------------------------------------------------------------------------


def test_rollback__after_new_customers__takes_all_back(acme: Api, integration: str) -> None:
    shops = provision(acme, 3)
    before = [types_of(shop) for shop in shops]
    publish(acme, integration)
    rollout = roll_out(acme, integration)
    work(acme)
    new = acme.provision("new")

    answer = steer(acme, rollout["id"], "rollback")
    assert (answer.status_code, answer.json()["rollout"]["status"]) == (202, "rolled_back")
    assert answer.json()["rollout"]["left"] == 4
    last = acme.provision("last")
    assert revisions(acme)[last.tenant_id] == 1
    work(acme)

    shown = rollout_of(acme, rollout["id"])
    assert (shown["moved"], shown["left"], shown["finished_at"] is not None) == (0, 0, True)
    assert set(revisions(acme).values()) == {1}
    for shop, types in zip(shops, before, strict=True):
        assert {name: row for name, row in types_of(shop).items() if row[0] is not None} == types
    assert {name for name, row in types_of(new).items() if row[0] is not None} == {"grant_points", "send_voucher"}
    assert steer(acme, rollout["id"], "rollback").json()["code"] == "rollout_rolled_back"


def test_rollback__of_an_earlier_rollout__is_409(acme: Api, integration: str) -> None:
    provision(acme, 1)
    publish(acme, integration)
    first = roll_out(acme, integration)
    work(acme)
    publish(acme, integration, action_type_templates=TEMPLATES)
    roll_out(acme, integration, revision=3)
    work(acme)

    assert steer(acme, first["id"], "rollback").json()["code"] == "rollout_superseded"


def test_rollback__while_it_runs__returns_those_that_were_moved(acme: Api, integration: str) -> None:
    provision(acme, 4)
    publish(acme, integration)
    rollout = roll_out(acme, integration, stages=[{"percent": 50, "wait_minutes": 5}])
    work(acme)
    assert sorted(revisions(acme).values()) == [1, 1, 2, 2]

    steer(acme, rollout["id"], "rollback")
    work(acme)

    assert set(revisions(acme).values()) == {1}
    roll_out(acme, integration)  # the way is free again


# --- Actions ------------------------------------------------------------------------------------------------------


def test_action__queued_before_a_breaking_revision__is_sent_under_its_own(acme: Api, inbox: Receiver) -> None:
    shop = merchant_of(acme, f"{inbox.url}/old")
    integration = acme.get(INTEGRATIONS).json()["integrations"][0]["id"]
    queued = shop.dispatch(parameters={"amount": 5})
    template = {
        "name": "grant_points",
        "parameters_schema": {"points": {"type": "string", "required": True}},
        "delivery_webhook": f"{inbox.url}/new",
    }
    assert publish(acme, integration, action_type_templates=[template])["compatibility"] == "breaking"
    roll_out(acme, integration)
    work(acme)
    later = shop.dispatch("u2", parameters={"points": "five"})

    deliver()

    assert [shop.action(id).status for id in (queued, later)] == ["delivered"] * 2
    assert [shop.action(id).revision for id in (queued, later)] == [1, 2]
    assert sorted(received.path for received in inbox.received) == ["/new", "/old"]
    with pytest.raises(Exception, match="keeps the revision"), tenant_context(shop.api.tenant_id):
        connection.cursor().execute("UPDATE delivery_action SET revision = 2")


def test_action__of_a_type_that_was_withdrawn__is_sent_still(acme: Api, inbox: Receiver) -> None:
    shop = merchant_of(acme, f"{inbox.url}/old")
    integration = acme.get(INTEGRATIONS).json()["integrations"][0]["id"]
    queued = shop.dispatch()
    publish(acme, integration, action_type_templates=[])
    roll_out(acme, integration)
    work(acme)

    deliver()

    assert shop.action(queued).status == "delivered"
    with pytest.raises(Exception, match="not active"):
        shop.dispatch("u2")


def test_list__of_rollouts__has_the_newest_first_page_by_page(acme: Api, integration: str) -> None:
    publish(acme, integration)
    ids = []
    for _ in range(3):
        ids.append(roll_out(acme, integration)["id"])
        work(acme)
    path = f"{INTEGRATIONS}/{integration}/rollouts"

    first = acme.get(path, {"limit": 2}).json()
    rest = acme.get(path, {"limit": 2, "cursor": first["next_cursor"]}).json()

    assert [each["id"] for each in (*first["rollouts"], *rest["rollouts"])] == ids[::-1]
    assert (first["total"], rest["next_cursor"]) == (3, None)


def test_template__of_a_customer__is_one_of_its_shares_revision(acme: Api, integration: str) -> None:
    (shop,) = provision(acme, 1)
    publish(acme, integration)
    for change in ("revision = 2", "revision = 7"):
        with pytest.raises(IntegrityError, match="action_type_"), tenant_context(acme.tenant_id):
            connection.cursor().execute(f"UPDATE integrations_actiontype SET {change}")
    with pytest.raises(IntegrityError, match=r"share_at_revision|action_type_at"), tenant_context(acme.tenant_id):
        connection.cursor().execute("UPDATE integrations_integrationshare SET revision = 7")
    with pytest.raises(Exception, match="its tenant's to change"), tenant_context(acme.tenant_id):
        connection.cursor().execute("UPDATE integrations_actiontype SET active = false")
    with pytest.raises(Exception, match="only whether it is active"), tenant_context(shop.tenant_id):
        connection.cursor().execute("UPDATE integrations_actiontype SET revision = NULL")
