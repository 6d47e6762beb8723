"""A confidence sequence for the difference of two rates: intervals that hold at all times at once.

Who looks each day at an interval that is made for one look finds one without 0 in the end, whether there is an effect
or not. This one may be looked at whenever anybody likes: the probability that it ever misses the truth is 5 % at most.
That holds exactly, however few the users are, because it is a bet (Waudby-Smith & Ramdas 2024) on a draw whose odds are
known: a user is held out with probability q, whoever they are.

Were d the difference of the rates, a gambler with fortune 1 who stakes b could win nothing in the long run by

    fortune *= 1 + b/(1 - q) (y - c - d)    after each treated user
    fortune *= 1 - b/q (y - c)              after each user held out

with y = 1 where the user converted: each factor's expectation is 1 for every rate, stake b and centre c. So the fortune
is a martingale and comes to 40 with a probability of 2.5 % at most, ever (Ville 1939). What d a fortune of 40 speaks
against is excluded: one gambler bets that the difference is larger, which gives the lower end, another that it is
smaller. Each spreads the fortune over several stakes and centres beforehand (the method of mixtures, Robbins 1970), so
that the four counts are all that is needed of the users, in whatever order they came.

Any stake and any centre keeps the promise. They are chosen for narrow intervals where 2 to 30 % convert, and actions
change that by some tenths: `bench.lift`.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

MISSES = 0.05  # at most, ever
_NEEDED = float(np.log(2 / MISSES))  # of either gambler
_CENTRES = {0.07: 0.8, 0.45: 0.2}  # with their parts of the fortune; a stake loses least where one is near the rate
_STAKES = 12
_BELIEVED = 0.25  # a relative lift, about which stakes lie
_HALVINGS = 25


class Counts(NamedTuple):
    """Of users, and of those of them who converted; numbers, or arrays of the same shape."""

    treated: float | Numbers
    treated_converted: float | Numbers
    held_out: float | Numbers
    held_out_converted: float | Numbers


class _Bets(NamedTuple):
    """A gambler's stakes, each with its centre and the logarithm of its part of the fortune."""

    stake: Numbers
    centre: Numbers
    part: Numbers


def interval(counts: Counts, share: float) -> tuple[float, float]:
    """Where the difference, treated less held out, is at all times with 95 %; `share` of the users is held out.

    The lower end is above the upper one where the arms are not as large as the draw makes them.
    """
    return _end(counts, share, larger=True), _end(counts, share, larger=False)


def fortune(counts: Counts, share: float, difference: float, *, larger: bool) -> Numbers:
    """The logarithm of what was won by betting that the true difference is larger than this one, or smaller."""
    bets = _bets(share, larger)
    treated, held_out = bets.stake / (1 - share), -bets.stake / share
    factors = np.array(
        [
            1 + treated * (1 - bets.centre - difference),
            1 - treated * (bets.centre + difference),
            1 + held_out * (1 - bets.centre),
            1 - held_out * bets.centre,
        ]
    )
    possible = (factors > 0).all(axis=0)  # nobody can lose more than there is
    if not possible.any():
        return np.full(np.shape(counts.treated), -np.inf)
    users = np.stack(
        [
            counts.treated_converted,
            np.subtract(counts.treated, counts.treated_converted),
            counts.held_out_converted,
            np.subtract(counts.held_out, counts.held_out_converted),
        ],
        axis=-1,
    )
    won = users @ np.log(factors[:, possible]) + bets.part[possible]
    most = won.max(axis=-1, keepdims=True)
    total: Numbers = most[..., 0] + np.log(np.exp(won - most).sum(axis=-1))
    return total


def _end(counts: Counts, share: float, *, larger: bool) -> float:
    """The last difference that is excluded, from the far end on: there the fortune is largest."""
    excluded, kept = (-1.0, 1.0) if larger else (1.0, -1.0)
    for _ in range(_HALVINGS):
        middle = (excluded + kept) / 2
        if fortune(counts, share, middle, larger=larger) >= _NEEDED:
            excluded = middle
        else:
            kept = middle
    return excluded


@lru_cache(maxsize=200)
def _bets(share: float, larger: bool) -> _Bets:
    """Half-Cauchy in the stake about the one that is best for the believed lift."""
    rows = []
    for centre, part_of_centre in _CENTRES.items():
        # Beyond these somebody's factor is negative where the difference is 0.
        ends = (share / (1 - centre), (1 - share) / centre) if larger else ((1 - share) / (1 - centre), share / centre)
        most = 0.95 * min(ends)
        best = _BELIEVED * share * (1 - share) / (1 - centre)  # Kelly's: effect / variance
        stakes = np.geomspace(min(best, most) / 30, most, _STAKES)
        parts = stakes / (1 + (stakes / best) ** 2)
        sign = 1 if larger else -1
        rows += [
            (sign * stake, centre, part_of_centre * part)
            for stake, part in zip(stakes, parts / parts.sum(), strict=True)
        ]
    stake, centre, part = np.array(rows).T
    return _Bets(stake, centre, np.log(part))
