"""The trial: who is in it, since when, and what is said of it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from decisions.lift import trial
from decisions.recommending import rules
from decisions.recommending.rules import Conversion
from tenants.context import staff_context
from tenants.models import Tenant
from tests.conftest import Api
from tests.decisions.deciding import bought, configure, later, recommend, settle
from tests.decisions.lift.cast import HELD_OUT, arms, counted, lift, pass_days
from tests.owner import as_owner
from tests.tenants.controls.layers import of_partner

CONVERSION: dict[str, Any] = {"event": "bought", "within_days": 7}


def begin(shop: Api) -> None:
    configure(shop, conversion=CONVERSION, holdout_percent=HELD_OUT)


def decide(shop: Api, *users: str) -> None:
    for user in users:
        recommend(shop, user)


def now_counted(shop: Api) -> dict[str, tuple[int, int]]:
    return counted(lift(shop)["trial"])


def started_at(shop: Api) -> datetime:
    return datetime.fromisoformat(lift(shop)["trial"]["started_at"])


def amount_to(shop: Api, *numbers: int, days: int = 300) -> dict[str, Any]:
    """The trial with these counts: treated, and converted; held out, and converted."""
    as_owner(
        "UPDATE decisions_lifttrial SET (treated, treated_converted, held_out, held_out_converted) = (%s, %s, %s, %s),"
        " started_at = now() - %s * interval '1 day' WHERE tenant_id = %s",
        *numbers,
        days,
        shop.tenant_id,
    )
    found: dict[str, Any] = lift(shop)["trial"]
    return found


# --- Who counts -----------------------------------------------------------------------------------------------------


def test_trial__each_user__counts_once_by_the_first_decision_when_its_window_is_over(shop: Api) -> None:
    begin(shop)
    treated, held_out = arms(shop, 3)
    decide(shop, *treated, *held_out, *treated)
    bought(shop, treated[0])
    settle(shop, now=later(days=7, hours=23))
    assert now_counted(shop) == {"treated": (0, 0), "holdout": (0, 0)}

    pass_days(shop, 9)
    assert now_counted(shop) == {"treated": (3, 1), "holdout": (3, 0)}

    decide(shop, *treated, *held_out)
    for user in [*treated, *held_out]:
        bought(shop, user)
    pass_days(shop, 9)

    assert now_counted(shop) == {"treated": (3, 1), "holdout": (3, 0)}


@pytest.mark.parametrize("batch", [1, 4, 1000])
def test_trial__closed_in_batches_and_again__counts_nobody_twice(shop: Api, batch: int) -> None:
    begin(shop)
    treated, held_out = arms(shop, 3)
    decide(shop, *treated, *held_out, *treated, *held_out)

    for _ in range(2):
        settle(shop, now=later(days=9), batch=batch)

    assert now_counted(shop) == {"treated": (3, 0), "holdout": (3, 0)}


def test_trial__closing_that_is_killed__counts_with_the_next(shop: Api) -> None:
    begin(shop)
    treated, held_out = arms(shop, 2)
    decide(shop, *treated, *held_out)

    def kill(execute: Any, sql: str, *args: Any) -> Any:
        result = execute(sql, *args)
        if "UPDATE decisions_lifttrial t" in sql:
            raise KeyboardInterrupt
        return result

    with connection.execute_wrapper(kill), pytest.raises(KeyboardInterrupt):
        settle(shop, now=later(days=9))
    assert now_counted(shop) == {"treated": (0, 0), "holdout": (0, 0)}

    settle(shop, now=later(days=9))

    assert now_counted(shop) == {"treated": (2, 0), "holdout": (2, 0)}


def test_trial__a_user_who_is_erased__has_been_counted(shop: Api) -> None:
    """Who was treated might ask for it because of that."""
    begin(shop)
    treated, held_out = arms(shop, 2)
    decide(shop, *treated, *held_out)
    pass_days(shop, 9)

    assert shop.delete(f"/api/customers/{treated[0]}").status_code == 200

    assert now_counted(shop) == {"treated": (2, 0), "holdout": (2, 0)}


# --- Since when -----------------------------------------------------------------------------------------------------


def by_itself(**config: Any) -> Callable[[Api, Api], None]:
    return lambda _acme, shop: configure(shop, **config)


def by_partner(acme: Api, shop: Api) -> None:
    assert of_partner(acme, shop, holdout_percent={"min": 50}).status_code == 200


def by_staff(_acme: Api, shop: Api) -> None:
    with staff_context():
        tenant = Tenant.objects.get(id=shop.tenant_id)
        tenant.config["holdout_percent"] = 30
        tenant.save()


@pytest.mark.parametrize(
    "change",
    [
        by_itself(conversion=CONVERSION | {"event": "subscribed"}),
        by_itself(conversion=CONVERSION | {"within_days": 8}),
        by_itself(holdout_percent=21),
        by_itself(holdout_percent=0),
        by_partner,
        by_staff,
    ],
)
def test_trial__what_is_compared_changes__begins_anew(acme: Api, shop: Api, change: Callable[[Api, Api], None]) -> None:
    configure(shop, conversion=CONVERSION, holdout_percent=20)
    amount_to(shop, 9, 4, 5, 1)
    before = later()

    change(acme, shop)

    assert now_counted(shop) == {"treated": (0, 0), "holdout": (0, 0)}
    assert before <= started_at(shop) <= later()


@pytest.mark.parametrize(
    "config",
    [{"conversion": CONVERSION | {"value": 0.5}}, {"timezone": "Europe/Berlin"}, {"holdout_percent": HELD_OUT}],
)
def test_trial__something_else_changes__goes_on(shop: Api, config: dict[str, Any]) -> None:
    begin(shop)
    amount_to(shop, 9, 4, 5, 1)

    configure(shop, **config)

    assert now_counted(shop) == {"treated": (9, 4), "holdout": (5, 1)}


def test_trial__decisions_of_before__do_not_count(shop: Api) -> None:
    begin(shop)
    treated, held_out = arms(shop, 2)
    decide(shop, treated[0], held_out[0])
    configure(shop, conversion=CONVERSION | {"event": "subscribed"})
    decide(shop, *treated, *held_out)

    pass_days(shop, 9)

    assert now_counted(shop) == {"treated": (2, 0), "holdout": (2, 0)}


def test_trial__without_a_conversion__there_is_none(shop: Api) -> None:
    assert lift(shop)["trial"] is None
    begin(shop)
    amount_to(shop, 9, 4, 5, 1)

    configure(shop, conversion=None)
    assert lift(shop)["trial"] is None

    begin(shop)
    assert now_counted(shop) == {"treated": (0, 0), "holdout": (0, 0)}


def test_trial__of_a_tenant_that_is_made_with_a_conversion__begins_with_it(acme: Api) -> None:
    with staff_context():
        made = Tenant.objects.create(
            name="M", slug="made", tenant_role="customer", parent_id=acme.tenant_id, config={"conversion": CONVERSION}
        )

    assert as_owner("SELECT started_at <= now() FROM decisions_lifttrial WHERE tenant_id = %s", made.id) == [(True,)]


def test_trial__after_its_time__is_counted_to_its_end_and_then_begins_anew(shop: Api) -> None:
    begin(shop)
    treated, held_out = arms(shop, 2)
    decide(shop, treated[0], held_out[0])
    amount_to(shop, 7, 1, 7, 1, days=365 - 4)
    pass_days(shop, 9)
    assert now_counted(shop) == {"treated": (8, 1), "holdout": (8, 1)}
    began = started_at(shop)

    decide(shop, *treated, *held_out)
    pass_days(shop, 9)

    assert now_counted(shop) == {"treated": (2, 0), "holdout": (2, 0)}
    assert started_at(shop) - began == timedelta(days=365 - 9)


@pytest.mark.no_database
@pytest.mark.parametrize("days", range(1, rules.MAX_DAYS + 1))
def test_trial__of_any_window__has_its_first_decisions_in_the_ledger_to_its_end(days: int) -> None:
    conversion = Conversion(event="bought", within=timedelta(days=days), value=1)

    through = trial.lasts(conversion) + trial.complete_after(conversion)

    assert timedelta(days=300) <= trial.lasts(conversion)
    assert through < timedelta(days=trial.LEDGER_DAYS)


# --- What is said ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "verdict"),
    [
        ((0, 0, 0, 0), "not_known_yet"),
        ((30, 20, 30, 10), "not_known_yet"),  # which 0 is outside of, at one look
        ((3000, 400, 3000, 280), "more_convert"),
        ((3000, 280, 3000, 400), "fewer_convert"),
        ((100_000, 10_000, 100_000, 10_000), "not_known_yet"),
    ],
)
def test_verdict__of_counts__is_as_the_interval(shop: Api, numbers: tuple[int, int, int, int], verdict: str) -> None:
    begin(shop)

    found = amount_to(shop, *numbers)

    assert found["verdict"] == verdict
    if found["difference"] is None:
        assert not numbers[0]
    else:
        low, high = found["difference"]["low"], found["difference"]["high"]
        assert {"more_convert": low > 0, "fewer_convert": high < 0, "not_known_yet": low <= 0 <= high}[verdict]


@pytest.mark.parametrize("numbers", [(90, 45, 0, 0), (0, 0, 90, 45), (1000, 400, 9000, 3600)])
def test_verdict__where_the_arms_are_not_as_the_draw_makes_them__is_that_nothing_is_known(
    shop: Api, numbers: tuple[int, int, int, int]
) -> None:
    begin(shop)

    found = amount_to(shop, *numbers)

    assert (found["difference"], found["verdict"]) == (None, "not_known_yet")
