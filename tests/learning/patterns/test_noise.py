"""The noise that the database draws, and that nobody who may release sees a sum without it."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import NormalDist
from typing import Any

import numpy as np
import psycopg
import pytest
from django.db import connections
from psycopg import errors

from bench.membership import RELEASES, advantage, of_database
from learning.patterns import privacy
from retivo.database import roles
from tests.conftest import Api, database_url
from tests.learning.cast import WIDTH, receipts
from tests.owner import as_owner

# --- Its distribution -----------------------------------------------------------------------------------------------

# Bounds that chance crosses once in a thousand million times.
DEVIATIONS = -NormalDist().inv_cdf(0.5e-9)
KOLMOGOROV = math.sqrt(math.log(2 / 1e-9) / 2)
COUNT = 20_000


@pytest.mark.parametrize("variance", [1, 2, 7])
def test_noise__of_a_small_variance__has_the_probabilities_of_the_discrete_gaussian(variance: int) -> None:
    numbers = np.arange(-60, 61)
    weights = np.exp(-(numbers**2) / (2 * variance))
    expected = COUNT * weights / weights.sum()

    drawn = of_database(variance, COUNT)

    found = np.array([(drawn == number).sum() for number in numbers])
    assert found.sum() == COUNT
    # Each number's count is binomial. Where few are expected, the bound is that of a Poisson variable.
    assert (np.abs(found - expected) <= DEVIATIONS * np.sqrt(expected) + 20).all()
    likely = expected > 50
    chi_square = ((found - expected)[likely] ** 2 / expected[likely]).sum()
    freedom = likely.sum()
    # Wilson & Hilferty's approximation of the distribution.
    assert chi_square < freedom * (1 - 2 / (9 * freedom) + DEVIATIONS * math.sqrt(2 / (9 * freedom))) ** 3


@pytest.mark.parametrize("deviation", [privacy.deviation(privacy.rho_of(1.0)), 1e9])
def test_noise__of_a_release__is_gaussian_and_has_the_deviation_that_was_asked_for(deviation: float) -> None:
    scale = deviation * privacy.FIXED_POINT

    drawn = np.sort(of_database(math.ceil(scale**2), COUNT) / scale)

    assert drawn.mean() == pytest.approx(0, abs=DEVIATIONS / math.sqrt(COUNT))
    assert drawn.std() == pytest.approx(1, abs=DEVIATIONS / math.sqrt(2 * COUNT))
    cumulated = np.array([NormalDist().cdf(each) for each in drawn])
    assert np.abs(cumulated - np.arange(COUNT) / COUNT).max() < KOLMOGOROV / math.sqrt(COUNT) + 1 / COUNT


@pytest.mark.parametrize("bound", [1, 2, 3, 1000, 2**48, 2**48 + 1, 3 * 2**100])
def test_uniform__below_a_bound__fills_the_range(bound: int) -> None:
    drawn = [int(each) for (each,) in as_owner("SELECT uniform_below(%s) FROM generate_series(1, 5000)", bound)]

    assert all(0 <= each < bound for each in drawn)
    shares = np.sort(np.array([each / max(bound - 1, 1) for each in drawn]))
    if bound >= 1000:
        assert np.abs(shares - np.arange(5000) / 5000).max() < KOLMOGOROV / math.sqrt(5000) + 1 / 500
    else:
        assert set(drawn) == set(range(bound))


@pytest.mark.parametrize(("numerator", "denominator"), [(0, 1), (1, 3), (1, 1), (5, 2)])
def test_event__by_exp__happens_as_often_as_it_should(numerator: int, denominator: int) -> None:
    probability = math.exp(-numerator / denominator)

    ((found,),) = as_owner(
        "SELECT avg(happens_by_exp(%s, %s)::int)::float8 FROM generate_series(1, 20000)", numerator, denominator
    )

    assert found == pytest.approx(probability, abs=DEVIATIONS * 0.5 / math.sqrt(20_000) * (numerator > 0))


# --- Membership inference -------------------------------------------------------------------------------------------

# Of the difference of two shares of RELEASES each, both near a half.
ERROR = DEVIATIONS * math.sqrt(0.5 / RELEASES)


@pytest.mark.parametrize("epsilon", [1.0, 4.0])
def test_membership__of_one_tenant__is_told_no_better_than_the_mechanism_admits(epsilon: float) -> None:
    rho = privacy.rho_of(epsilon)

    assert advantage(of_database, rho) == pytest.approx(privacy.advantage(rho), abs=ERROR)


def test_membership__without_noise_or_with_a_quarter_of_it__is_caught() -> None:
    rho = privacy.rho_of(1.0)

    assert advantage(lambda variance, count: np.zeros(count, int), rho) == 1.0
    assert advantage(lambda variance, count: of_database(variance // 16, count), rho) > privacy.advantage(rho) + ERROR


# --- SQL run by the login that releases -----------------------------------------------------------------------------

RELEASE = """
    INSERT INTO learning_release (epsilon, delta, rho, deviation, budget) VALUES (4, 1e-6, 0.1, 5, 4) RETURNING id
"""


@contextmanager
def release_login() -> Iterator[psycopg.Connection[Any]]:
    if connections.settings["release"]["USER"] != roles.RELEASE:
        pytest.skip("one URL for all logins")
    with psycopg.connect(database_url("release")) as connection:
        yield connection


def charge(connection: psycopg.Connection[Any], partner: Api, release: str = RELEASE) -> int:
    row = connection.execute(release).fetchone()
    assert row is not None
    answer = connection.execute("SELECT contribute(%s, %s, %s)", [row[0], partner.tenant_id, WIDTH]).fetchall()
    assert answer == [("",)]
    return int(row[0])


def test_release_login__in_the_transaction_that_charges__sees_no_sum(acme: Api, customers: list[Api]) -> None:
    with release_login() as connection:
        charge(connection, acme)
        with connection.transaction():  # nor in a subtransaction, which has a number of its own
            charge(connection, acme)
            assert connection.execute("SELECT * FROM learning_noisysum").fetchall() == []
        assert connection.execute("SELECT * FROM learning_noisysum").fetchall() == []
        assert connection.execute("DELETE FROM learning_noisysum RETURNING totals").fetchall() == []
        connection.rollback()
        assert connection.execute("SELECT * FROM learning_noisysum").fetchall() == []

    assert receipts(customers[0]) == []


def test_release_login__after_it_has_charged__sees_sums_with_noise_alone(acme: Api, customers: list[Api]) -> None:
    with release_login() as connection:
        release = charge(connection, acme)
        connection.commit()
        found = connection.execute("SELECT block, totals FROM learning_noisysum ORDER BY block").fetchall()

    assert [len(totals) for _, totals in found] == [WIDTH] * 4
    # No two sums have the same noise: 60 numbers of this deviation differ.
    assert len({total for _, totals in found for total in totals}) == 4 * WIDTH
    # The exact count is the same in all blocks.
    assert len({totals[0] for _, totals in found}) == 4
    assert [row[1] for row in receipts(customers[0])] == [release]


@pytest.mark.parametrize(
    "statement",
    [
        *(f"SELECT {name}" for name in ("discrete_gaussian(1)", "happens_by_exp(1, 1)", "uniform_below(2)")),
        "INSERT INTO learning_noisysum (block) VALUES ('shared')",
        "UPDATE learning_noisysum SET charged_in = 0",
        "SELECT * FROM learning_modelstate",
        "SELECT * FROM learning_receipt",
        "DELETE FROM learning_receipt",
        "UPDATE learning_release SET budget = 4.8",
        "DELETE FROM learning_release",
        "SELECT * FROM tenants_tenant",
        "CREATE OR REPLACE FUNCTION discrete_gaussian(variance numeric) RETURNS bigint LANGUAGE sql AS 'SELECT 0'",
        "CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TEMPORARY TABLE learning_modelstate ()",
    ],
)
def test_release_login__may_not(statement: str) -> None:
    with release_login() as connection, pytest.raises(errors.InsufficientPrivilege, match=r"permission denied|must be"):
        connection.execute(statement)


def test_release_login__of_a_snapshot_from_before__cannot_spend_a_budget_twice(acme: Api, customers: list[Api]) -> None:
    """A release of before is charged within the year, which an older snapshot would not show."""
    with release_login() as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with pytest.raises(errors.ObjectNotInPrerequisiteState, match="READ COMMITTED"):
            charge(connection, acme)


def test_release_login__in_two_transactions_at_once__cannot_spend_a_budget_twice(
    acme: Api, customers: list[Api]
) -> None:
    dear = RELEASE.replace("4, 1e-6, 0.1, 5, 4", "4, 1e-6, 0.4, 5, 0.4")
    with release_login() as first, release_login() as second:
        charge(first, acme, dear)
        second.execute("SET LOCAL lock_timeout = '100ms'")
        with pytest.raises(errors.LockNotAvailable):
            charge(second, acme, dear)
