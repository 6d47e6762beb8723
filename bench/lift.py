"""`python -m bench.lift`: how often what is told of the lift is wrong, in simulated tenants whose truth is known.

A year is 365 daily looks at a trial. Figures are shares of 2,000 years, or of as many as BENCH_YEARS says; they are
the same each time. docs/decisions-engine.md has them.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from bench import report
from decisions.lift import sequence
from decisions.lift.sequence import Counts, Numbers

YEARS, DAYS = 2_000, 365
ALPHA = sequence.MISSES
_AT_ONCE = 200  # years
_Z = 1.959963984540054
_RHO = 0.001  # of the asymptotic sequence: narrowest at some 10,000 users

Looks = NDArray[np.bool_]


@dataclass(frozen=True)
class Tenant:
    """`a_day` users come, of whom `share` are held out; `held_out` of these convert, and `treated` of the others."""

    a_day: int
    share: float
    held_out: float
    treated: float

    def __str__(self) -> str:
        return f"{self.a_day} users a day, {self.share:.0%} held out, {self.held_out:.0%} convert"

    def years(self, count: int, seed: int = 0) -> Counts:
        """The trial as it stands at the end of each day: arrays (years, days)."""
        random = np.random.default_rng([seed, self.a_day, *(round(1e4 * each) for each in self._rates)])
        held_out = random.binomial(self.a_day, self.share, (count, DAYS))
        treated = self.a_day - held_out
        daily = (
            treated,
            random.binomial(treated, self.treated),
            held_out,
            random.binomial(held_out, self.held_out),
        )
        return Counts(*(each.cumsum(axis=1).astype(np.float64) for each in daily))

    @property
    def _rates(self) -> tuple[float, float, float]:
        return self.share, self.held_out, self.treated


# Whether 0 is outside the interval, at each look.
Found = Callable[[Counts, float], Looks]


def by_sequence(years: Counts, share: float) -> Looks:
    needed = np.log(2 / ALPHA)
    more, fewer = (sequence.fortune(years, share, 0.0, larger=larger) >= needed for larger in (True, False))
    found: Looks = more | fewer
    return found


def by_fixed_day(years: Counts, _share: float) -> Looks:
    """Newcombe's interval of the last 30 days."""
    low, high = newcombe(Counts(*(_last_days(np.asarray(each)) for each in years)))
    found: Looks = (low > 0) | (high < 0)
    return found


def _last_days(counted: Numbers, days: int = 30) -> Numbers:
    before: Numbers = np.pad(counted, ((0, 0), (days, 0)))[:, :-days]
    return counted - before


def by_asymptotic(years: Counts, _share: float) -> Looks:
    """Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2021), from five conversions in each arm on."""
    value, spread, users = _difference(years)
    t = users * _RHO
    width = np.sqrt(spread * 2 * (t + 1) / t * np.log(np.sqrt(t + 1) / ALPHA))
    enough = np.minimum(years.treated_converted, years.held_out_converted) >= 5
    found: Looks = (np.abs(value) > width) & enough
    return found


def _difference(years: Counts) -> tuple[Numbers, Numbers, Numbers]:
    """With its variance, and all users."""
    n1, n0 = np.maximum(years.treated, 1), np.maximum(years.held_out, 1)
    p1, p0 = years.treated_converted / n1, years.held_out_converted / n0
    return p1 - p0, p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0, n1 + n0


def newcombe(years: Counts) -> tuple[Numbers, Numbers]:
    """As `decisions.lift.services.difference`, of arrays."""

    def wilson(users: Numbers, converted: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        rate, spread = converted / users, _Z**2 / users
        margin = _Z / (1 + spread) * np.sqrt(rate * (1 - rate) / users + _Z**2 / (4 * users**2))
        middle = (rate + spread / 2) / (1 + spread)
        return rate, middle - margin, middle + margin

    p1, l1, u1 = wilson(np.maximum(years.treated, 1), np.asarray(years.treated_converted))
    p0, l0, u0 = wilson(np.maximum(years.held_out, 1), np.asarray(years.held_out_converted))
    return p1 - p0 - np.hypot(p1 - l1, u0 - p0), p1 - p0 + np.hypot(u1 - p1, p0 - l0)


def ever(found: Found, tenant: Tenant, years: int) -> float:
    """In how many of the years any look finds a difference."""
    parts = [
        found(tenant.years(min(_AT_ONCE, years - start), seed), tenant.share).any(axis=1)
        for seed, start in enumerate(range(0, years, _AT_ONCE))
    ]
    return float(np.concatenate(parts).mean())


def main() -> None:
    years = int(os.environ.get("BENCH_YEARS", YEARS))
    report.publish("lift", [*_false_alarms(years), *_power(years), *_widths(), *_pending(), *_opting_out()])


def _false_alarms(years: int) -> Iterator[report.Figure]:
    """Where actions change nothing, over a year of daily looks."""
    for a_day, share, rate in product((20, 100), (0.05, 0.1, 0.5), (0.02, 0.05, 0.1, 0.3)):
        tenant = Tenant(a_day, share, rate, rate)
        yield report.figure(f"finds none that is there: {tenant}", ever(by_sequence, tenant, years), "", at_most=ALPHA)
        yield report.figure("  asymptotic sequence", ever(by_asymptotic, tenant, years), "")
        yield report.figure("  interval for one look, of the last 30 days", ever(by_fixed_day, tenant, years), "")


def _power(years: int) -> Iterator[report.Figure]:
    for share, (rate, effect) in product((0.1, 0.5), ((0.1, 0.015), (0.1, 0.03), (0.05, 0.015), (0.02, 0.01))):
        tenant = Tenant(100, share, rate, rate + effect)
        name = f"finds +{100 * effect:g} points: {tenant}"
        yield report.figure(name, ever(by_sequence, tenant, years), "")
        yield report.figure("  asymptotic sequence", ever(by_asymptotic, tenant, years), "")
        low, high = (ends[:, -1] for ends in newcombe(tenant.years(years)))
        yield report.figure("  one look, after the year", float(((low > 0) | (high < 0)).mean()), "")


def _widths(years: int = 20) -> Iterator[report.Figure]:
    for a_day, share, rate in ((20, 0.1, 0.05), (100, 0.1, 0.1), (100, 0.5, 0.1)):
        tenant = Tenant(a_day, share, rate, rate)
        trials = tenant.years(years)
        low, high = newcombe(trials)
        for day in (30, 365):
            ratios = []
            for year in range(years):
                ends = sequence.interval(
                    Counts(*(float(each[year, day - 1]) for each in map(np.asarray, trials))), share
                )
                ratios.append((ends[1] - ends[0]) / (high - low)[year, day - 1])
            yield report.figure(f"width / that for one look, day {day}: {tenant}", float(np.mean(ratios)), "")


def _pending(months: int = 2_000, a_day: int = 100, window: int = 7) -> Iterator[report.Figure]:
    """The last 30 days, half held out: 10 % and 13 % convert, after 3 days in the mean and 7 at most."""
    random = np.random.default_rng(3)
    age = np.arange(1, 31 + window)
    so_far = (1 - np.exp(-np.minimum(age, window) / 3)) / (1 - np.exp(-window / 3))
    for name, known in (
        ("all users of 30 days", so_far[:30]),
        ("those whose window is over", so_far[window:]),
    ):
        users = a_day // 2 * 30
        arms = [
            random.binomial(a_day // 2, rate * known, (months, 30)).sum(axis=1).astype(np.float64)
            for rate in (0.13, 0.1)
        ]
        everyone = np.full(months, float(users))
        low, high = newcombe(Counts(everyone, arms[0], everyone, arms[1]))
        yield report.figure(
            f"difference of 3 points, {name}", float((arms[0] - arms[1]).mean() / users * 100), "points"
        )
        yield report.figure("  intervals that hold it", float(((low <= 0.03) & (high >= 0.03)).mean()), "")


def _opting_out(users: int = 100_000_000) -> Iterator[report.Figure]:
    """A fifth of the users opt out once something was sent, and seldom convert. Actions change nothing."""
    random = np.random.default_rng(4)
    annoyed = users // 5
    others = [random.binomial(users - annoyed, 0.1) for _ in ("treated", "held out")]
    seldom = [random.binomial(annoyed, 0.035) for _ in ("treated", "held out")]
    held_out = (others[1] + seldom[1]) / users
    for name, treated in (
        ("left out", others[0] / (users - annoyed)),
        ("counted as they were drawn", (others[0] + seldom[0]) / users),
    ):
        yield report.figure(f"lift of 0, those who opted out {name}", 100 * (treated - held_out), "points")


if __name__ == "__main__":
    main()
