"""Shares end and begin again while an integration is rolled out: at its end all that have it are at its revision."""

from collections.abc import Callable
from itertools import combinations_with_replacement
from typing import Any

from tests.conftest import Api
from tests.owner import as_owner
from tests.partners.rollouts.cast import (
    INTEGRATIONS,
    let_stage_pass,
    publish,
    revisions,
    roll_out,
    rollout_of,
    steer,
    work,
)

STAGES = [{"percent": 30, "wait_minutes": 30}, {"percent": 60, "wait_minutes": 30}]
# Before the roll-out, before its first step, within each stage, and when it is over.
MOMENTS = range(5)


def run(acme: Api, integration: str, at: Callable[[int], None], **body: Any) -> str:
    """A roll-out through its stages; `at` is called at each of the moments."""
    at(0)
    rollout: str = roll_out(acme, integration, stages=STAGES, **body)["id"]
    at(1)
    for moment in (2, 3):
        work(acme)
        at(moment)
        let_stage_pass()
    work(acme)
    assert rollout_of(acme, rollout)["status"] == "completed"
    at(4)
    return rollout


def end(acme: Api, integration: str, shop: Api) -> None:
    assert acme.delete(f"{INTEGRATIONS}/{integration}/share/{shop.tenant_id}").status_code == 200


def share(acme: Api, integration: str, shop: Api) -> None:
    answer = acme.post(f"{INTEGRATIONS}/{integration}/share", {"customer_tenant_id": str(shop.tenant_id)})
    assert answer.status_code == 200, answer.content


def share_with_all(acme: Api, integration: str) -> None:
    acme.post(f"{INTEGRATIONS}/{integration}/share", {"all": True})
    work(acme)


def test_rollout__of_shares_that_end_and_begin_at_any_time__ends_with_all_at_its_revision_and_so_does_its_rollback(
    acme: Api,
) -> None:
    integration = acme.register()["id"]
    shops = {
        pair: acme.provision(f"shop-{'-'.join(map(str, pair))}") for pair in combinations_with_replacement(MOMENTS, 2)
    }
    publish(acme, integration)

    def at(moment: int) -> None:
        for (ends, begins), shop in shops.items():
            if ends == moment:
                end(acme, integration, shop)
            if begins == moment:
                share(acme, integration, shop)

    rollout = run(acme, integration, at)

    assert revisions(acme) == {shop.tenant_id: 2 for shop in shops.values()}
    shown = rollout_of(acme, rollout)
    assert (shown["status"], shown["left"]) == ("completed", 0)
    # All of them, but for those that got it when it was over.
    assert shown["moved"] == shown["customers"]
    steer(acme, rollout, "rollback")
    work(acme)
    assert revisions(acme) == {shop.tenant_id: 1 for shop in shops.values()}
    shown = rollout_of(acme, rollout)
    assert (shown["moved"], shown["left"], shown["finished_at"] is not None) == (0, 0, True)


def test_rollout__beside_sharings_with_all__ends_with_all_at_its_revision(acme: Api) -> None:
    integration = acme.register()["id"]
    shops = [acme.provision(f"shop-{moment}") for moment in MOMENTS]
    publish(acme, integration)

    def at(moment: int) -> None:
        end(acme, integration, shops[moment])
        share_with_all(acme, integration)

    rollout = run(acme, integration, at)

    assert revisions(acme) == {shop.tenant_id: 2 for shop in shops}
    steer(acme, rollout, "rollback")
    work(acme)
    assert revisions(acme) == {shop.tenant_id: 1 for shop in shops}


def test_rollout__to_a_part__moves_its_own_again_and_nobody_else(acme: Api) -> None:
    integration = acme.register()["id"]
    named = {moment: acme.provision(f"named-{moment}") for moment in MOMENTS[1:4]}
    others = {moment: acme.provision(f"other-{moment}") for moment in MOMENTS}
    publish(acme, integration)

    def at(moment: int) -> None:
        for shop in (each[moment] for each in (named, others) if moment in each):
            end(acme, integration, shop)
            share(acme, integration, shop)

    run(acme, integration, at, to={"customer_ids": [str(shop.tenant_id) for shop in named.values()]})

    found = revisions(acme)
    assert {found[shop.tenant_id] for shop in named.values()} == {2}
    assert {found[shop.tenant_id] for shop in others.values()} == {1}


def test_rollout__of_a_customer_that_is_restored_meanwhile__moves_it(acme: Api) -> None:
    integration = acme.register()["id"]
    gone, kept = acme.provision("gone"), acme.provision("kept")
    publish(acme, integration)
    path = f"/api/partners/customers/{gone.tenant_id}"

    def at(moment: int) -> None:
        if moment == 1:
            acme.send("DELETE", path, {})
        if moment == 3:
            acme.post(f"{path}/restore", {})

    run(acme, integration, at)

    assert revisions(acme) == {gone.tenant_id: 2, kept.tenant_id: 2}


def test_counts__of_a_customer_whose_share_ended__leave_it_out(acme: Api) -> None:
    integration = acme.register()["id"]
    gone, _ = acme.provision("gone"), acme.provision("kept")
    publish(acme, integration)
    rollout = roll_out(acme, integration)
    end(acme, integration, gone)

    work(acme)

    shown = rollout_of(acme, rollout["id"])
    assert (shown["status"], shown["customers"], shown["moved"]) == ("completed", 1, 1)


def test_shared_at__of_what_is_shared_again__is_anew(acme: Api) -> None:
    integration = acme.register()["id"]
    shop = acme.provision("shop")
    as_owner("UPDATE integrations_integrationshare SET created_at = '2026-01-01T00:00:00Z'")
    path = f"{INTEGRATIONS}/{integration}/customers"
    (before,) = acme.get(path).json()["customers"]
    end(acme, integration, shop)
    share(acme, integration, shop)

    (after,) = acme.get(path).json()["customers"]

    assert before["shared_at"] == "2026-01-01T00:00:00Z" < after["shared_at"]
