"""What is told of acting against not acting."""

import pytest

from decisions.lift.services import Share, difference
from tests.conftest import Api
from tests.decisions.deciding import LIFT, bought, configure, later, recommend, settle


def test_lift__treated_and_held_out__each_user_once(shop: Api) -> None:
    configure(shop, conversion={"event": "bought"}, holdout_percent=50)
    converted = {True: 0, False: 0}
    users = {True: 0, False: 0}
    for n in range(30):
        user = f"l{n}"
        shop.post("/api/customers", {"user_id": user})
        for _ in range(2):
            answer = recommend(shop, user)
        is_out = [each["name"] for each in answer["guardrails"]] == ["holdout"]
        users[is_out] += 1
        if n % 3 == 0:
            bought(shop, user)
            converted[is_out] += 1
    settle(shop, now=later(seconds=5))

    found = shop.get(LIFT).json()["lift"]

    assert (found["days"], found["conversion_event"]) == (30, "bought")
    for name, is_out in (("treated", False), ("holdout", True)):
        assert (found[name]["users"], found[name]["converted"]) == (users[is_out], converted[is_out])
        assert found[name]["low"] <= found[name]["rate"] <= found[name]["high"]
    assert found["difference"]["low"] < found["difference"]["value"] < found["difference"]["high"]


def test_lift__nobody_held_out__has_no_difference(shop: Api) -> None:
    recommend(shop)

    found = shop.get(LIFT).json()["lift"]

    assert (found["treated"]["users"], found["holdout"]["rate"], found["difference"]) == (1, None, None)


def test_lift__decided_in_shadow_or_for_the_opted_out__does_not_count(shop: Api) -> None:
    shop.patch("/api/customers/u0", {"opted_out": True})
    recommend(shop)
    shop.put("/api/settings/shadow-mode", {"active": True})
    recommend(shop, "u1")

    assert shop.get(LIFT).json()["lift"]["treated"]["users"] == 0


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
