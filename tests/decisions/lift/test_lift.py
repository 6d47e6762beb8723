"""What is told of acting against not acting, over the last days."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from decisions.lift import services
from decisions.lift.services import Share, difference
from tests.conftest import Api
from tests.decisions.deciding import LIFT, acted, bought, configure, later, recommend
from tests.decisions.lift.cast import HELD_OUT, arms, counted, lift, pass_days

CONVERSION = {"event": "bought"}


def test_lift__treated_and_held_out__each_user_once(shop: Api) -> None:
    configure(shop, conversion=CONVERSION, holdout_percent=HELD_OUT)
    treated, held_out = arms(shop, 6)
    for user in [*treated, *held_out] * 2:
        recommend(shop, user)
    for user in [*treated[:3], *held_out[:1]]:
        bought(shop, user)
    pass_days(shop, 9)

    found = lift(shop)

    assert (found["days"], found["conversion_event"], found["pending"]) == (30, "bought", 0)
    assert counted(found) == {"treated": (6, 3), "holdout": (6, 1)}
    for name in ("treated", "holdout"):
        assert found[name]["low"] <= found[name]["rate"] <= found[name]["high"]
    assert found["difference"]["low"] < found["difference"]["value"] < found["difference"]["high"]


def test_lift__users_whose_conversion_may_still_come__are_pending_and_lower_no_rate(shop: Api) -> None:
    """Half of the users of each arm are new, and have had no time to convert."""
    configure(shop, conversion=CONVERSION, holdout_percent=HELD_OUT)
    treated, held_out = arms(shop, 8)
    for user in [*treated[:4], *held_out[:4]]:
        recommend(shop, user)
    for user in [*treated[:4], *held_out[:2]]:
        bought(shop, user)
    pass_days(shop, 9)
    for user in [*treated[4:], *held_out[4:]]:
        recommend(shop, user)

    found = lift(shop)

    assert (found["treated"]["rate"], found["holdout"]["rate"], found["pending"]) == (1, 0.5, 8)
    assert found["difference"]["value"] == 0.5
    until = datetime.fromisoformat(found["until"])
    assert later() - until == pytest.approx(timedelta(days=8), abs=timedelta(minutes=1))


def test_lift__rates_before_a_change_of_what_is_compared__do_not_count(shop: Api) -> None:
    configure(shop, conversion=CONVERSION, holdout_percent=HELD_OUT)
    for user in [user for arm in arms(shop, 3) for user in arm]:
        recommend(shop, user)
    pass_days(shop, 9)

    configure(shop, holdout_percent=HELD_OUT - 1)

    assert counted(lift(shop)) == {"treated": (0, 0), "holdout": (0, 0)}


def test_lift__of_more_decisions_than_a_request_waits_for__is_of_the_newest(
    shop: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(shop, conversion=CONVERSION)
    for user in ("u0", "u1", "u2"):
        recommend(shop, user)
    pass_days(shop, 9)
    whole = lift(shop)

    monkeypatch.setattr(services, "MOST", 2)
    found = lift(shop)

    assert (counted(whole)["treated"], counted(found)["treated"]) == ((3, 0), (2, 0))
    assert whole["since"] < found["since"] < found["until"]


def test_lift__nobody_held_out__has_no_difference(shop: Api) -> None:
    recommend(shop)

    found = lift(shop)

    assert (found["treated"]["users"], found["holdout"]["rate"], found["difference"]) == (1, None, None)


# --- Who counts -----------------------------------------------------------------------------------------------------


def opt_out(_acme: Api, shop: Api) -> None:
    shop.patch("/api/customers/u0", {"opted_out": True})


def quiet(_acme: Api, shop: Api) -> None:
    configure(shop, guardrails={"quiet_hours": {"from": "00:00", "to": "23:59"}})


def given_enough(_acme: Api, shop: Api) -> None:
    configure(shop, guardrails={"cooldown_hours": 1})
    acted(shop, "u0")


def shadow_of_an_action(acme: Api, _shop: Api) -> None:
    for name in ("grant_points", "send_voucher"):
        switch(acme, "shadow-mode", only={"action_type": name})


def kill_of_all_actions(acme: Api, _shop: Api) -> None:
    for name in ("grant_points", "send_voucher"):
        switch(acme, "kill-switch", only={"action_type": name})


def switch(api: Api, name: str, **fields: object) -> None:
    response = api.put(f"/api/partners/{name}", {"active": True, "reason": "x", **fields})
    assert response.status_code == 200, response.content


@pytest.mark.parametrize("cause", [opt_out, quiet, given_enough, shadow_of_an_action, kill_of_all_actions])
def test_user__spared_for_what_may_come_of_being_treated__counts(
    acme: Api, shop: Api, cause: Callable[[Api, Api], None]
) -> None:
    configure(shop, conversion=CONVERSION)
    cause(acme, shop)

    answer = acted(shop, "u0")

    assert answer["guardrails"]
    assert lift(shop)["pending"] == 1


@pytest.mark.parametrize("name", ["kill-switch", "shadow-mode"])
@pytest.mark.parametrize("by_partner", [True, False])
def test_user__when_the_whole_tenant_is_held__does_not_count(
    acme: Api, shop: Api, name: str, *, by_partner: bool
) -> None:
    configure(shop, conversion=CONVERSION)
    if by_partner:
        switch(acme, name)
    else:
        assert shop.put(f"/api/settings/{name}", {"active": True}).status_code == 200

    recommend(shop, "u0")

    assert lift(shop)["pending"] == 0


def test_lift__without_an_effect_while_the_treated_opt_out__is_none(shop: Api) -> None:
    """One in four never converts, and opts out if treated. The next month still has as many users in each arm."""
    configure(shop, conversion=CONVERSION, holdout_percent=HELD_OUT)
    treated, held_out = arms(shop, 8)
    for user in [*treated, *held_out]:
        recommend(shop, user)
    pass_days(shop, 40)
    for annoyed in treated[:2]:
        assert shop.patch(f"/api/customers/{annoyed}", {"opted_out": True}).status_code == 200
    for user in [*treated, *held_out]:
        recommend(shop, user)
    for user in [*treated[2:5], *held_out[2:5]]:
        bought(shop, user)
    pass_days(shop, 9)

    found = lift(shop)

    assert counted(found) == {"treated": (8, 3), "holdout": (8, 3)}
    assert found["difference"]["value"] == 0


# --- The interval ---------------------------------------------------------------------------------------------------


@pytest.mark.no_database
def test_difference__newcombes_own_example__has_his_interval() -> None:
    """Newcombe (1998), table II: 56/70 and 48/80, method 10: 0.0524 to 0.3339."""
    found = difference(Share(70, 56), Share(80, 48))

    assert found is not None
    assert found["value"] == pytest.approx(0.2)
    assert found["low"] == pytest.approx(0.0524, abs=5e-5)
    assert found["high"] == pytest.approx(0.3339, abs=5e-5)


@pytest.mark.parametrize("days", ["0", "366", "x", ""])
def test_lift__rubbish__is_400(shop: Api, days: str) -> None:
    assert shop.get(LIFT, {"days": days}).status_code == 400
