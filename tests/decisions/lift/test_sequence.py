"""The interval that holds whenever one looks."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.lift import Tenant, by_fixed_day, by_sequence, ever
from decisions.lift.sequence import MISSES, Counts, fortune, interval

pytestmark = pytest.mark.no_database

shares = st.floats(0.001, 0.5)
rates = st.floats(0, 1)
counts = st.tuples(*[st.integers(0, 100_000)] * 4).map(lambda n: Counts(n[0] + n[1], n[1], n[2] + n[3], n[3]))


@given(shares, rates, rates, st.booleans())
def test_fortune__expected_after_two_users__is_never_more_than_before(
    share: float, treated: float, held_out: float, larger: bool
) -> None:
    """By all that two users can be: so nobody wins in the long run by betting against the truth."""
    users = [
        (probability, counted)
        for probability, counted in (
            ((1 - share) * treated, (1, 1, 0, 0)),
            ((1 - share) * (1 - treated), (1, 0, 0, 0)),
            (share * held_out, (0, 0, 1, 1)),
            (share * (1 - held_out), (0, 0, 1, 0)),
        )
    ]
    expected = sum(
        p * q * float(np.exp(fortune(Counts(*np.add(a, b)), share, treated - held_out, larger=larger)))
        for (p, a), (q, b) in product(users, users)
    )

    assert expected <= 1 + 1e-9


@given(counts, shares, st.floats(-1, 1), st.floats(-1, 1))
def test_fortune__against_a_difference_further_off__is_never_smaller(
    counts: Counts, share: float, one: float, other: float
) -> None:
    near, far = sorted((one, other), reverse=True)

    assert fortune(counts, share, near, larger=True) <= fortune(counts, share, far, larger=True) + 1e-6
    assert fortune(counts, share, far, larger=False) <= fortune(counts, share, near, larger=False) + 1e-6


@given(counts, shares)
def test_interval__of_any_counts__is_within_minus_1_and_1(counts: Counts, share: float) -> None:
    low, high = interval(counts, share)

    assert -1 <= low <= 1
    assert -1 <= high <= 1


def test_interval__of_nobody__is_everything() -> None:
    assert interval(Counts(0, 0, 0, 0), 0.1) == (-1, 1)


def test_interval__of_more_users_alike__is_narrower_and_comes_to_the_difference() -> None:
    ends = [interval(Counts(*(n * each for each in (90, 18, 10, 1))), 0.1) for n in (1, 10, 100, 10_000, 1_000_000)]

    for (low, high), (next_low, next_high) in pairwise(ends):
        assert low < next_low < 0.1 < next_high < high
    assert ends[-1] == pytest.approx((0.1, 0.1), abs=1e-3)


@pytest.mark.parametrize(
    "tenant", [Tenant(20, 0.1, 0.05, 0.05), Tenant(20, 0.5, 0.1, 0.1), Tenant(100, 0.05, 0.02, 0.02)]
)
def test_year_of_daily_looks__without_an_effect__finds_one_seldom_and_an_interval_for_one_look_often(
    tenant: Tenant,
) -> None:
    years = 300

    # 5 %, and three standard errors.
    assert ever(by_sequence, tenant, years) <= MISSES + 3 * (MISSES * (1 - MISSES) / years) ** 0.5
    assert ever(by_fixed_day, tenant, years) >= 0.25


def test_year_of_daily_looks__with_an_effect__finds_it_in_most_years() -> None:
    assert ever(by_sequence, Tenant(100, 0.5, 0.1, 0.115), 200) >= 0.8
