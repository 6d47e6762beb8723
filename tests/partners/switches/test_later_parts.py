"""What a partner holds a part of holds what comes later, too, until it is lifted."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from tests.conftest import Api
from tests.decisions.deciding import acted, names, reasons, recommend
from tests.owner import as_owner
from tests.partners.rollouts.cast import INTEGRATIONS, publish, roll_out, steer, work
from tests.tenants.controls.layers import backlog, claimed, of_fleet

OTHER: dict[str, Any] = {"name": "act_y", "delivery_webhook": "https://hooks.acme.example/y"}
HELD: dict[str, Any] = {"name": "act_x", "delivery_webhook": "https://hooks.acme.example/x"}
SWITCHES = ["kill_switch", "shadow_mode"]


class Scene:
    """A partner that has `act_x` in one integration, and a customer and an integration beside that have it not yet."""

    def __init__(self, acme: Api) -> None:
        self.acme = acme
        self.customer = acme.provision("shop")
        self.first = acme.register("first-x", action_type_templates=[HELD])["id"]
        self.later = acme.register("later-x", action_type_templates=[OTHER])["id"]

    def share(self, integration_id: str, customer: Api | None = None) -> Api:
        customer = customer or self.customer
        body = {"customer_tenant_id": str(customer.tenant_id)}
        assert self.acme.post(f"{INTEGRATIONS}/{integration_id}/share", body).status_code == 200
        return customer

    def publish(self) -> int:
        return int(publish(self.acme, self.later, action_type_templates=[OTHER, HELD])["number"])

    def roll_out(self) -> str:
        rollout = roll_out(self.acme, self.later, 2)
        work(self.acme)
        return str(rollout["id"])

    def roll_back(self, rollout_id: str) -> None:
        assert steer(self.acme, rollout_id, "rollback").status_code == 202
        work(self.acme)


def registered(scene: Scene) -> Api:
    return scene.share(scene.acme.register("third-x", action_type_templates=[HELD])["id"])


def provisioned(scene: Scene) -> Api:
    return scene.acme.provision("later")  # it has all integrations


def shared(scene: Scene) -> Api:
    return scene.share(scene.first)


def shared_again(scene: Scene) -> Api:
    scene.share(scene.first)
    assert scene.acme.delete(f"{INTEGRATIONS}/{scene.first}/share/{scene.customer.tenant_id}").status_code == 200
    return scene.share(scene.first)


def rolled_out(scene: Scene) -> Api:
    customer = scene.share(scene.later)
    scene.publish()
    scene.roll_out()
    return customer


def shared_after_roll_out(scene: Scene) -> Api:
    scene.publish()
    scene.roll_out()
    return scene.share(scene.later)


def rolled_out_again(scene: Scene) -> Api:
    customer = scene.share(scene.later)
    scene.publish()
    scene.roll_back(scene.roll_out())
    scene.roll_out()
    return customer


WAYS: dict[str, tuple[str, Callable[[Scene], Api]]] = {
    "an integration that is registered": ("third-x", registered),
    "a customer that is provisioned": ("first-x", provisioned),
    "a share": ("first-x", shared),
    "a share once more": ("first-x", shared_again),
    "a revision that is rolled out": ("later-x", rolled_out),
    "a share of a revision that was rolled out": ("later-x", shared_after_roll_out),
    "a revision that is rolled out once more": ("later-x", rolled_out_again),
}


def parts(api: Api) -> list[tuple[Any, ...]]:
    found = api.get("/api/me").json()["effective"]["parts"]
    return [(part["switch"], part["provider"], part["action_type"], part["reason"]) for part in found]


def held(acme: Api, customer: Api, provider: str) -> tuple[list[Any], list[Any]]:
    """The switches that are told of the integration, and of the customer's `act_x` of it."""
    (integration,) = [each for each in acme.get(INTEGRATIONS).json()["integrations"] if each["provider"] == provider]
    (action_type,) = [
        each
        for each in customer.get("/api/external/action-types").json()["action_types"]
        if (each["provider"], each["name"]) == (provider, "act_x")
    ]
    return (
        [(each["switch"], each["action_type"]) for each in integration["held"]],
        [each["switch"] for each in action_type["held"]],
    )


CASES = [
    (part, way)
    for way, (provider, _) in WAYS.items()
    for part in ("integration_id", "action_type")
    if (part, provider) != ("integration_id", "third-x")  # one that is not there cannot be held
]


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize(("part", "way"), CASES)
def test_part__that_is_held_before_it_comes_to_a_customer__is_held_until_it_is_lifted(
    acme: Api, switch: str, part: str, way: str
) -> None:
    provider, comes = WAYS[way]
    scene = Scene(acme)
    only = {"action_type": "act_x"}
    if part == "integration_id":
        only = {"integration_id": scene.first if provider == "first-x" else scene.later}
    assert of_fleet(acme, switch, on=True, only=only).status_code == 200

    customer = comes(scene)

    name = only.get("action_type")
    assert customer.post("/api/customers", {"user_id": "u0"}).status_code == 201
    assert (switch, provider, name, "fleet") in parts(customer)
    assert held(acme, customer, provider) == ([(switch, name)], [switch])
    wanted: dict[str, Any] = {"provider": provider, "action_types": ["act_x"], "dispatch": True}
    if switch == "kill_switch":
        for _ in range(5):
            answer = recommend(customer, **wanted)
            assert (answer["action_id"], reasons(answer)["act_x"]) == (None, "action_kill_switch")
    else:
        answer = acted(customer, **wanted)
        assert (answer["action_id"], names(answer)) == (None, ["partner_shadow_mode"])

    assert of_fleet(acme, switch, on=False, only=only).status_code == 200
    assert parts(customer) == []
    assert held(acme, customer, provider) == ([], [])
    assert acted(customer, **wanted)["action_id"]
    assert claimed() == 1
    of_fleet(acme, switch, on=True, only=only)
    assert (claimed(), backlog()) == (0, {"held"})


@pytest.mark.parametrize("switch", SWITCHES)
def test_name__held_while_a_roll_out_is_taken_back__holds_what_is_queued(acme: Api, switch: str) -> None:
    scene = Scene(acme)
    customer = scene.share(scene.later)
    customer.post("/api/customers", {"user_id": "u0"})
    scene.publish()
    rollout = scene.roll_out()
    assert acted(customer, provider="later-x", action_types=["act_x"], dispatch=True)["action_id"]
    of_fleet(acme, switch, on=True, only={"action_type": "act_x"})

    scene.roll_back(rollout)

    assert claimed() == 0
    assert parts(customer) == [(switch, "later-x", "act_x", "fleet")]
    of_fleet(acme, switch, on=False, only={"action_type": "act_x"})
    assert (claimed(), parts(customer)) == (1, [])


@pytest.mark.parametrize("switch", SWITCHES)
def test_name__that_no_integration_has_any_more__stays_held_and_is_lifted(acme: Api, switch: str) -> None:
    scene = Scene(acme)
    of_fleet(acme, switch, on=True, only={"action_type": "act_x"})
    assert acme.delete(f"{INTEGRATIONS}/{scene.first}").status_code == 200
    path = f"/api/partners/{switch.replace('_', '-')}"

    def told() -> list[tuple[Any, ...]]:
        return [
            (part["integration_id"], part["provider"], part["action_type"], part["reason"])
            for part in acme.get(path).json()[switch]["parts"]
        ]

    assert told() == [(None, None, "act_x", "fleet")]
    later = acme.register("third-x", action_type_templates=[HELD])
    assert told() == [(later["id"], "third-x", "act_x", "fleet")]
    assert [each["switch"] for each in later["held"]] == [switch]
    assert acme.delete(f"{INTEGRATIONS}/{later['id']}").status_code == 200

    answer = of_fleet(acme, switch, on=False, only={"action_type": "act_x"})

    assert (answer.status_code, told()) == (200, [])
    assert acme.register("fourth-x", action_type_templates=[HELD])["held"] == []


def test_name__of_one_partner__is_not_held_of_another(acme: Api, rival: Api) -> None:
    Scene(acme)
    Scene(rival)
    of_fleet(acme, "kill_switch", on=True, only={"action_type": "act_x"})

    assert rival.register("third-x", action_type_templates=[HELD])["held"] == []
    assert rival.get("/api/partners/kill-switch").json()["kill_switch"]["parts"] == []


def test_name__that_is_held__leaves_what_is_said_of_an_integration(acme: Api) -> None:
    scene = Scene(acme)
    of_fleet(acme, "shadow_mode", on=True, only={"integration_id": scene.later})
    of_fleet(acme, "kill_switch", on=True, only={"action_type": "act_x"})
    of_fleet(acme, "kill_switch", on=False, only={"action_type": "act_x"})

    assert [part["provider"] for part in acme.get("/api/partners/shadow-mode").json()["shadow_mode"]["parts"]] == [
        "later-x"
    ]
    assert acme.get("/api/partners/kill-switch").json()["kill_switch"]["parts"] == []


def test_names__turned_while_integrations_are_registered__hold_in_all_alike(acme: Api) -> None:
    Scene(acme)

    def turn(n: int) -> None:
        name, on = ("act_x", "act_y")[n % 2], n % 3 > 0
        assert of_fleet(acme, "kill_switch", on=on, only={"action_type": name}).status_code == 200
        connection.close()

    def register(n: int) -> None:
        acme.register(f"at-once-{n}", action_type_templates=[HELD, OTHER])
        connection.close()

    with ThreadPoolExecutor(6) as threads:
        for future in [threads.submit(each, n) for n in range(12) for each in (turn, register)]:
            future.result()
    of_fleet(acme, "kill_switch", on=True, only={"action_type": "act_x"})

    found = as_owner("SELECT DISTINCT held FROM integrations_partnerintegration")
    assert len(found) == 1
    assert as_owner("SELECT DISTINCT held ? 'act_x' FROM integrations_partnerintegration") == [(True,)]


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("part", ["integration_id", "action_type"])
def test_part__that_is_turned__is_entered_and_told_from_what_to_what(acme: Api, switch: str, part: str) -> None:
    scene = Scene(acme)
    only = {part: scene.first if part == "integration_id" else "act_x"}
    path = f"/api/partners/{switch.replace('_', '-')}"
    for said in ({"active": True, "reason": "one"}, {"active": True, "reason": "two"}, {"active": False}):
        assert acme.put(path, {**said, "only": only}).status_code == 200

    entries = acme.get("/api/partners/audit", {"action": f"partner.{switch}"}).json()["entries"][::-1]
    events = acme.get("/api/partners/events", {"types": f"partner.{switch}"}).json()["events"]

    changes = [{each["field"]: (each["from"], each["to"]) for each in entry["changes"]} for entry in entries]
    assert [found.pop("only") for found in changes] == [(None, only)] * 3
    assert changes[1] == {f"{switch}.reason": ("one", "two")}
    on, _, off = changes
    assert on.pop(f"{switch}.since") == off.pop(f"{switch}.since")[::-1]
    assert on == {f"{switch}.active": (False, True), f"{switch}.reason": (None, "one")}
    assert off == {f"{switch}.active": (True, False), f"{switch}.reason": ("two", None)}
    assert [(event["data"]["active"], event["data"]["only"], event["previous"]) for event in events] == [
        (True, only, {"active": False, "reason": None}),
        (True, only, {"active": True, "reason": "one"}),
        (False, only, {"active": True, "reason": "two"}),
    ]
