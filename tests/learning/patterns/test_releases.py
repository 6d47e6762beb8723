"""Releases in the database: who is in one, what it costs them, what comes of it, and what nobody sees."""

from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, ProgrammingError, connection
from procrastinate.contrib.django import app

from learning import tasks
from learning.models import NoisySum, Pattern, Receipt, Release
from learning.patterns import checks, privacy
from learning.patterns import statistic as patterns
from learning.patterns.releases import (
    EVERY_DAYS,
    LEAST_TENANTS,
    PARTS,
    BudgetError,
    finish,
    plan,
    release_if_due,
    release_patterns,
)
from tenants.context import release_context, staff_context, tenant_context
from tests.conftest import Api
from tests.learning.cast import (
    BUDGET,
    CUSTOMERS,
    WIDTH,
    blocks_of,
    contribute,
    learn,
    noise,
    receipts,
    statistic_of,
    sums,
)
from tests.owner import as_owner, owner_cursor

pytestmark = pytest.mark.usefixtures("noiseless")


def noisy_sums() -> list[list[int]]:
    """Those of which no patterns are made yet."""
    with release_context():
        return list(NoisySum.objects.values_list("totals", flat=True))


# --- The sums -------------------------------------------------------------------------------------------------------


def test_contribute__of_several_tenants__is_the_sum_of_what_python_clips(acme: Api, customers: list[Api]) -> None:
    given = [learn(acme.provision(f"large{n}"), 100 + n, scale=2.0) for n in range(4)]
    given += [statistic_of(customer) for customer in customers]
    assert max(np.linalg.norm(each) for each in given) > privacy.CLIP > min(np.linalg.norm(each) for each in given)

    found = sums(acme)

    expected = np.sum([patterns.clipped(each) for each in given], axis=0)
    assert len(found) == expected.size
    blocks = blocks_of(acme)
    for (block, place), total in found.items():
        assert total == pytest.approx(expected[blocks.index(block), place], abs=len(given))


def test_contribute__a_tenant_of_enormous_numbers__moves_the_sums_by_the_clip_at_most(
    acme: Api, customers: list[Api]
) -> None:
    before = sums(acme)
    learn(acme.provision("giant"), 7, scale=9e4)

    after = sums(acme)

    moved = sum((after[key] - before[key]) ** 2 for key in before)
    assert 0.999 * privacy.CLIP < moved**0.5 / privacy.FIXED_POINT <= privacy.CLIP


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1e7"])
def test_statistic__that_is_no_number_of_sense__is_not_stored(customers: list[Api], value: str) -> None:
    with (
        pytest.raises(IntegrityError, match="model_state_statistic"),
        tenant_context(customers[0].tenant_id),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE learning_modelstate SET statistic[1] = %s::float8", [value])


def test_contribute__a_tenant_of_few_outcomes__is_not_in_it(acme: Api, customers: list[Api]) -> None:
    few = acme.provision("few")
    learn(few, 99, trials=199.0)

    release_patterns()

    assert receipts(few) == []
    assert receipts(customers[0]) != []


@pytest.mark.parametrize(
    "column", ["rho = 5", "budget = 1e300", *(f"{c} = 'NaN'" for c in ("epsilon", "rho", "budget", "deviation"))]
)
def test_release__beyond_the_largest_budget__is_refused_by_the_database(column: str) -> None:
    name, value = column.split(" = ")
    row = {"epsilon": "20", "rho": "4.79", "budget": "4.79", "deviation": "1"} | {name: value}
    insert = f"INSERT INTO learning_release (delta, {', '.join(row)}) VALUES (1e-6, {', '.join(row.values())})"
    with pytest.raises(IntegrityError, match="release_within_largest_budget"), release_context():
        connection.cursor().execute(insert)


def test_budget__the_largest_that_a_setting_allows__is_within_the_ceiling() -> None:
    rho = privacy.rho_of(20)
    with release_context():
        Release.objects.create(
            epsilon=privacy.epsilon_of(rho), delta=1e-6, rho=rho, budget=rho, deviation=privacy.deviation(rho)
        )
        Release.objects.create(epsilon=20, delta=1e-6, rho=1e-4, budget=rho, deviation=privacy.deviation(1e-4))


def test_contribute__twice_to_one_release__is_refused(acme: Api, customers: list[Api]) -> None:
    sums(acme)

    with release_context():
        release = Release.objects.get()
    with pytest.raises(IntegrityError, match="learning_noisysum_pkey"), release_context():
        contribute(release.id, acme)


def test_contribute__again_to_a_release_of_before__asks_those_alone_who_were_not_in_it(
    acme: Api, customers: list[Api]
) -> None:
    """It does not fail either, which would tell that somebody was."""
    found = release_patterns().release_id

    with release_context():
        contribute(found, acme)

    assert {total for totals in noisy_sums() for total in totals} == {0}
    assert [row[1] for row in receipts(customers[0])] == [found]


def test_contribute__to_a_release_that_there_is_not__is_of_nobody(acme: Api, customers: list[Api]) -> None:
    with release_context():
        contribute(99, acme)
    assert noisy_sums() == []
    assert receipts(customers[0]) == []


# --- Who may ask ----------------------------------------------------------------------------------------------------


def test_contribute__under_a_tenants_context__is_denied(acme: Api, customers: list[Api]) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        tenant_context(acme.tenant_id),
    ):
        contribute(1, acme)


@pytest.mark.parametrize("column", ["statistic", "mean", "information", "trials", "rewards"])
def test_staff__of_what_a_tenant_learned__see_nothing(customers: list[Api], column: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), staff_context(), connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM learning_modelstate")


# --- A release ------------------------------------------------------------------------------------------------------


def test_release__of_enough_customers__has_patterns_and_a_receipt_for_each(acme: Api, customers: list[Api]) -> None:
    outcome = release_patterns()

    assert (outcome.patterns, outcome.over_all) == (8, 4)
    # A quarter of the budget is that of ρ: ε adds up more slowly.
    assert BUDGET / PARTS < outcome.epsilon < BUDGET / 2
    with staff_context():
        release = Release.objects.get()
        assert release.rho * PARTS == pytest.approx(privacy.rho_of(BUDGET))
        assert {p.block for p in Pattern.objects.filter(partner=None)} == {
            "shared",
            "nothing",
            "loyalty/grant_points",
            "loyalty/send_voucher",
        }
        for found in Pattern.objects.all():
            assert found.mean == pytest.approx([0.05] * (WIDTH - 2), abs=5 * found.error)
            assert found.count == pytest.approx(CUSTOMERS, abs=4 * found.error * found.count / 0.7)
    today = release.released_at.date()
    for customer in customers:
        assert receipts(customer) == [(customer.tenant_id, outcome.release_id, outcome.epsilon, today)]


def test_release__every_sum__gets_the_noise_that_its_price_asks_for(acme: Api, customers: list[Api]) -> None:
    exact = sums(acme)

    with noise("variance"):
        noisy = sums(acme)

    variance = (5 * privacy.FIXED_POINT) ** 2
    assert {noisy[key] - exact[key] for key in exact} == {variance}
    assert len(exact) == 4 * WIDTH


def test_release__is_made_of_its_noisy_sums_alone(acme: Api, customers: list[Api]) -> None:
    asked = sums(acme)

    (outcome,) = finish()

    assert outcome.patterns == 8
    with staff_context():
        rows = {row.block: row for row in Pattern.objects.filter(partner=acme.tenant_id)}
    for block in blocks_of(acme):
        count, _, *weights = (asked[block, place] / privacy.FIXED_POINT for place in range(WIDTH))
        assert rows[block].count == pytest.approx(count / 0.7)
        assert rows[block].mean == pytest.approx([weight / count * 0.7 for weight in weights])
        assert rows[block].error == pytest.approx(5 / count * 0.7)
    assert noisy_sums() == []
    assert finish() == []


def test_release__whatever_the_number_of_contributors__takes_place_and_asks_the_same(acme: Api, rival: Api) -> None:
    """That there is a release, of whom and of how many sums, tells of no tenant."""
    for partner in (acme, rival):
        partner.register(f"{partner.tenant_id.hex[:8]}-points", domain="loyalty")
    learn(acme.provision("only"), 1)

    asked = [sums(partner) for partner in (acme, rival)]

    assert [len(found) for found in asked] == [4 * WIDTH, 4 * WIDTH]
    assert [any(found.values()) for found in asked] == [True, False]
    release_patterns(epsilon=1.0)
    with staff_context():
        assert Release.objects.count() == 3


@pytest.mark.parametrize(("counted", "is_published"), [(0.99, False), (1.01, True)])
def test_release__of_a_noisy_count__is_published_from_50_divided_by_epsilon_on(
    acme: Api, counted: float, is_published: bool
) -> None:
    acme.register(domain="loyalty")
    assert plan(epsilon=1.0).least_tenants == pytest.approx(LEAST_TENANTS)
    total = round(counted * LEAST_TENANTS * 0.7 * privacy.FIXED_POINT)

    with noise(f"CASE WHEN variance > 0 THEN {total} END"):
        outcome = release_patterns(epsilon=1.0)

    assert (outcome.patterns > 0) == is_published


def test_release__over_all_partners__is_the_noisy_sum_of_theirs(acme: Api, rival: Api, customers: list[Api]) -> None:
    rival.register("rival-points", domain="loyalty")
    for n in range(CUSTOMERS):
        learn(rival.provision(f"r{n}"), 200 + n)
    count = sum(sums(partner)["shared", 0] for partner in (acme, rival)) / privacy.FIXED_POINT

    release = release_patterns().release_id

    with staff_context():
        found = Pattern.objects.get(partner=None, block="shared", release=release)
    assert found.count == pytest.approx(count / 0.7)
    deviation = privacy.deviation(privacy.rho_of(BUDGET) / PARTS)
    assert found.error == pytest.approx(2**0.5 * deviation / found.count)


def test_release__that_was_interrupted_after_it_charged__is_finished_by_the_next(
    acme: Api, customers: list[Api]
) -> None:
    as_owner("ALTER TABLE learning_pattern ADD CONSTRAINT none_today CHECK (false)")
    try:
        with pytest.raises(IntegrityError, match="none_today"):
            release_if_due()
    finally:
        as_owner("ALTER TABLE learning_pattern DROP CONSTRAINT none_today")
    assert len(noisy_sums()) == 4
    charged = receipts(customers[0])

    assert release_if_due() is None

    with staff_context():
        assert Pattern.objects.filter(release=charged[0][1]).count() == 8
    assert receipts(customers[0]) == charged


def test_releases__of_a_year__add_up_to_the_budget_and_no_further(customers: list[Api]) -> None:
    for _ in range(PARTS + 1):
        release_patterns()

    assert len(receipts(customers[0])) == PARTS
    with tenant_context(customers[0].tenant_id):
        spent = sum(Receipt.objects.values_list("rho", flat=True))
    assert privacy.epsilon_of(spent) == pytest.approx(BUDGET)


def test_releases__of_the_whole_budget__leave_nothing(customers: list[Api]) -> None:
    first = release_patterns(epsilon=BUDGET).release_id

    release_patterns(epsilon=0.06)

    assert [row[1] for row in receipts(customers[0])] == [first]


@pytest.mark.parametrize(("days", "again"), [(364, False), (365, True)])
def test_budget__of_any_365_days__not_of_a_calendar_year(customers: list[Api], days: int, again: bool) -> None:
    release_patterns(epsilon=BUDGET)
    as_owner("UPDATE learning_receipt SET released_on = released_on - %s", days)

    release_patterns(epsilon=BUDGET)

    assert (len(receipts(customers[0])) == 2) == again


def test_receipt__above_the_budget__is_refused_by_the_database(customers: list[Api]) -> None:
    release_patterns(epsilon=BUDGET)

    for statement in (
        "UPDATE learning_receipt SET rho = rho * 1.001",
        "INSERT INTO learning_receipt (tenant_id, release_id, released_on, epsilon, rho)"
        " SELECT tenant_id, release_id + 1, released_on, epsilon, rho FROM learning_receipt",
    ):
        with pytest.raises(IntegrityError, match="spend_within_budget"), owner_cursor() as cursor:
            cursor.execute(statement)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, BUDGET + 0.1, float("nan")])
def test_release__of_more_than_a_year_has__is_refused(epsilon: float) -> None:
    with pytest.raises(BudgetError):
        release_patterns(epsilon=epsilon)


def test_dry_run__of_a_release__looks_at_no_outcome_and_spends_nothing(
    acme: Api, customers: list[Api], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("release_patterns", "--dry-run", "--epsilon", "1")
    said = capsys.readouterr().out

    assert f"the customers of 1 partners for {4 * WIDTH} sums, with noise of the deviation 9.1 on each" in said
    assert "at ε = 1 for each contributor" in said
    assert noisy_sums() == []
    assert receipts(customers[0]) == []
    with staff_context():
        assert not Release.objects.exists()
    call_command("release_patterns")
    assert "8 patterns, 4 of them over all partners" in capsys.readouterr().out
    with pytest.raises(CommandError, match="budget of a year"):
        call_command("release_patterns", "--epsilon", "50")


def test_task__of_the_night__releases_every_92_days(customers: list[Api]) -> None:
    assert "learning.tasks.release_patterns" in app.tasks

    for _ in range(2):
        tasks.release_patterns(timestamp=0)
    assert len(receipts(customers[0])) == 1

    as_owner("UPDATE learning_release SET released_at = released_at - make_interval(days => %s)", EVERY_DAYS)
    tasks.release_patterns(timestamp=0)
    assert len(receipts(customers[0])) == 2


def test_schedule__a_year_of_releases__is_within_the_budget() -> None:
    assert PARTS * EVERY_DAYS >= 365


def test_night__without_any_tenant__is_a_release_all_the_same() -> None:
    assert release_if_due()
    assert release_if_due() is None


# --- Settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("epsilon", "errors"), [(1.0, []), (20.0, []), (0.0, ["retivo.E005"]), (20.1, ["retivo.E005"])]
)
def test_system_check__of_the_budget__wants_a_number_that_bounds_something(
    settings: Any, epsilon: float, errors: list[str]
) -> None:
    settings.PATTERNS_EPSILON = epsilon
    assert [error.id for error in checks.budget_is_a_number()] == errors
