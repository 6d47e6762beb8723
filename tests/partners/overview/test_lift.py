"""Whether acting helps a partner's customers: sums over all of them, weighed, and never a few users."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection

from decisions import tasks
from decisions.lift import services as lift
from decisions.lift.services import Sums, pooled
from tenants.context import tenant_context
from tests.conftest import Api
from tests.decisions.deciding import LIFT, configure, recommend, shop_of
from tests.decisions.lift.cast import HELD_OUT, arms, pass_days
from tests.owner import as_owner

STATS = "/api/partners/stats"

Stratum = tuple[int, int, int, int]  # treated, of whom converted; held out, of whom converted


def sums(strata: Sequence[Stratum]) -> Sums:
    """What the database's function adds up, written once more."""
    weights = [n1 * n0 / (n1 + n0) for n1, _, n0, _ in strata]
    return Sums._make(
        [
            len(strata),
            None,
            *(sum(column) for column in zip(*strata, strict=True)),
            sum(weights),
            sum(w * x1 / n1 for w, (n1, x1, _, _) in zip(weights, strata, strict=True)),
            sum(w * x0 / n0 for w, (_, _, n0, x0) in zip(weights, strata, strict=True)),
            sum(w * w / n1 for w, (n1, _, _, _) in zip(weights, strata, strict=True)),
            sum(w * w / n0 for w, (_, _, n0, _) in zip(weights, strata, strict=True)),
        ]
    )


# --- The formula ----------------------------------------------------------------------------------------------------

# Colditz et al. (1994), 13 trials of the BCG vaccine: cases and others, vaccinated and not.
BCG = [
    (4, 119, 11, 128),
    (6, 300, 29, 274),
    (3, 228, 11, 209),
    (62, 13536, 248, 12619),
    (33, 5036, 47, 5761),
    (180, 1361, 372, 1079),
    (8, 2537, 10, 619),
    (505, 87886, 499, 87892),
    (29, 7470, 45, 7232),
    (17, 1699, 65, 1600),
    (186, 50448, 141, 27197),
    (5, 2493, 3, 2338),
    (27, 16886, 29, 17825),
]


@pytest.mark.no_database
def test_pooled__the_bcg_trials__are_what_metafor_and_stata_print() -> None:
    """Mantel-Haenszel risk difference by `rma.mh` of metafor and `metan` of Stata: -0.0033 (-0.0039 to -0.0027)."""
    found = pooled(sums([(a + b, a, c + d, c) for a, b, c, d in BCG]))

    assert {name: round(value, 4) for name, value in found["difference"].items()} == {
        "value": -0.0033,
        "low": -0.0039,
        "high": -0.0027,
    }


@pytest.mark.no_database
def test_pooled__one_customer__has_newcombes_interval() -> None:
    """Newcombe (1998), table II: 56/70 and 48/80, method 10: 0.0524 to 0.3339."""
    found = pooled(sums([(70, 56, 80, 48)]))

    assert found["difference"] == pytest.approx({"value": 0.2, "low": 0.0524, "high": 0.3339}, abs=5e-5)
    assert (found["treated"]["users"], found["holdout"]["converted"]) == (70, 48)


@pytest.mark.no_database
def test_pooled__where_shares_of_all_users_together_mislead__goes_by_customers() -> None:
    """Charig et al. (1986), kidney stones: surgery helps with small ones and with large ones, and not "with stones"."""
    found = pooled(sums([(87, 81, 270, 234), (263, 192, 80, 55)]))

    treated, held_out = found["treated"], found["holdout"]
    assert treated["converted"] / treated["users"] < held_out["converted"] / held_out["users"]
    weights = [87 * 270 / 357, 263 * 80 / 343]
    by_hand = (weights[0] * (81 / 87 - 234 / 270) + weights[1] * (192 / 263 - 55 / 80)) / sum(weights)
    assert found["difference"]["value"] == pytest.approx(by_hand)
    assert treated["rate"] - held_out["rate"] == pytest.approx(by_hand)
    assert by_hand > 0.05


@pytest.mark.no_database
def test_pooled__nobody_or_everybody_converted__is_not_certain() -> None:
    for converted in (0, 1):
        found = pooled(sums([(50, 50 * converted, 30, 30 * converted), (40, 40 * converted, 10, 10 * converted)]))
        assert found["difference"]["value"] == pytest.approx(0)
        assert found["difference"]["low"] < -0.03
        assert found["difference"]["high"] > 0.03
        assert 0 <= found["treated"]["low"] <= found["treated"]["rate"] <= found["treated"]["high"] <= 1


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("customers", "users", "holdout", "beta", "effect"),
    [
        (200, 30, 0.05, (2, 10), 0.05),
        (200, 30, 0.05, (1, 49), 0.0),
        (5, 100, 0.1, (1, 99), 0.0),
        (3, 2000, 0.1, (2, 10), 0.03),
    ],
)
def test_pooled__of_simulated_customers__holds_the_truth(
    customers: int, users: int, holdout: float, beta: tuple[int, int], effect: float
) -> None:
    """In 95 % of the cases, few held out and few converting or not; the bar is three standard errors below."""
    rng, held, rounds = np.random.default_rng(1), 0, 1000
    for _ in range(rounds):
        n = rng.poisson(users, customers)
        n0 = rng.binomial(n, holdout)
        rate = rng.beta(*beta, customers)
        x1, x0 = rng.binomial(n - n0, np.clip(rate + effect, 0, 1)), rng.binomial(n0, rate)
        strata = [row for row in zip(n - n0, x1, n0, x0, strict=True) if row[0] and row[2]]
        weights = np.array([n1 * n0 / (n1 + n0) for n1, _, n0, _ in strata])
        treated_rates = np.clip(rate + effect, 0, 1)[(n0 > 0) & (n > n0)]
        truth = weights @ (treated_rates - rate[(n0 > 0) & (n > n0)]) / weights.sum()
        difference = pooled(sums([tuple(int(each) for each in row) for row in strata]))["difference"]  # type: ignore[misc]
        held += difference["low"] <= truth <= difference["high"]

    assert held / rounds > 0.93


# --- The function ---------------------------------------------------------------------------------------------------


def counted(api: Api, *stratum: int, ago: timedelta = timedelta(0)) -> None:
    names = ("treated", "treated_converted", "held_out", "held_out_converted")
    as_owner(
        "INSERT INTO decisions_liftcount VALUES (%(t)s, %(at)s, %(treated)s, %(treated_converted)s, %(held_out)s,"
        " %(held_out_converted)s)",
        t=api.tenant_id,
        at=datetime.now(UTC) - ago,
        **dict(zip(names, stratum, strict=True)),
    )


def told(api: Api) -> dict[str, Any]:
    found: dict[str, Any] = api.get(STATS).json()["lift"]
    return found


def test_stats__customers_with_a_holdout__are_pooled(acme: Api, rival: Api) -> None:
    strata = [(87, 81, 270, 234), (263, 192, 80, 55)]
    for index, stratum in enumerate(strata):
        counted(acme.provision(f"m-{index}"), *stratum)
    counted(acme.provision("no-holdout"), 1000, 1, 0, 0)
    counted(acme.provision("suspended"), 1000, 1, 1000, 1, ago=timedelta(days=2))
    counted(acme, 1000, 0, 1000, 1000)
    counted(rival.provision("theirs"), 1000, 0, 1000, 1000)

    found = told(acme)

    assert found.pop("counted_at") is not None
    expected = pooled(sums(strata))
    del expected["counted_at"]
    for kind in ("treated", "holdout", "difference"):
        assert found.pop(kind) == pytest.approx(expected.pop(kind))
    assert found == expected == {"days": 30, "customers": 2}
    assert acme.get(STATS, {"slug": "m-0"}).json()["lift"]["customers"] == 2  # a filter tells of no single one


@pytest.mark.parametrize("stratum", [(19, 3, 400, 3), (400, 3, 19, 3), (0, 0, 400, 3), (400, 3, 0, 0)])
def test_stats__fewer_than_20_users_of_a_kind__are_not_told(acme: Api, merchant: Api, stratum: Stratum) -> None:
    counted(merchant, *stratum)

    found = told(acme)

    assert (found["treated"], found["holdout"], found["difference"], found["counted_at"]) == (None,) * 4


def test_stats__20_users_of_each_kind_over_all_customers__are_told(acme: Api) -> None:
    for slug in ("one", "two"):
        counted(acme.provision(slug), 10, 2, 10, 1)

    found = told(acme)

    assert (found["treated"]["users"], found["holdout"]["users"]) == (20, 20)
    assert found["difference"]["value"] == pytest.approx(0.1)


def test_function__under_a_customers_context_or_none__tells_nothing(acme: Api, merchant: Api) -> None:
    counted(merchant, 100, 10, 100, 5)
    nothing = (0, *[None] * 10)

    with tenant_context(merchant.tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM lift_of_customers()")
        assert cursor.fetchall() == [nothing]
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM lift_of_customers()")
        assert cursor.fetchall() == [nothing]
    assert told(acme)["treated"]["users"] == 100


def test_raw_sql__a_partner__reads_no_count_behind_the_sums(acme: Api, merchant: Api) -> None:
    counted(merchant, 100, 10, 100, 5)

    with tenant_context(acme.tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM decisions_liftcount")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("role", ["app_staff", "app_auth"])
def test_function__other_roles__may_not_call_it(role: str) -> None:
    assert as_owner("SELECT has_function_privilege(%s, 'lift_of_customers()', 'EXECUTE')", role)[0] == (False,)


# --- Counting -------------------------------------------------------------------------------------------------------


def test_count_lift__of_decided_users__is_what_the_customer_is_told_itself(acme: Api) -> None:
    shop = shop_of(acme)
    configure(shop, conversion={"event": "bought"}, holdout_percent=HELD_OUT)
    treated, held_out = arms(shop, 20)
    for user in [*treated, *held_out]:
        recommend(shop, user)
    for user in [*treated[:6], *held_out[:2]]:
        shop.post("/api/track", {"events": [{"user_id": user, "event": "bought"}]})
    pass_days(shop, 9)
    recommend(shop, "u0")
    assert told(acme)["customers"] == 0

    tasks.count_lift(0)

    own, found = shop.get(LIFT).json()["lift"], told(acme)
    assert (own["treated"]["converted"], own["holdout"]["converted"]) == (6, 2)
    for kind in ("treated", "holdout", "difference"):
        assert found[kind] == pytest.approx(own[kind])

    configure(shop, conversion=None)
    as_owner("UPDATE decisions_liftcount SET counted_at = now() - interval '20 hours'")
    tasks.count_lift(0)
    assert told(acme)["customers"] == 0  # nobody can convert


def test_count_lift__of_many_users__is_taken_once_an_hour(acme: Api) -> None:
    shop = shop_of(acme)
    configure(shop, conversion={"event": "bought"})
    counted(shop, lift.MANY, 5, 20, 1, ago=timedelta(minutes=50))
    recommend(shop, "u0")

    tasks.count_lift(0)
    assert told(acme)["treated"]["users"] == lift.MANY

    as_owner("UPDATE decisions_liftcount SET counted_at = now() - interval '61 minutes'")
    tasks.count_lift(0)
    assert told(acme)["customers"] == 0
