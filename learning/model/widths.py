"""How wide the cold prior is for one tenant, by the evidence of its own outcomes.

The weights of one group are taken to be drawn from one Gaussian around 0: the shared block's, the actions' constants,
and, for each feature, what it means to the actions. The variances are those that make the outcomes most probable
(automatic relevance determination: MacKay 1992; Tipping 2001), so a feature that tells actions apart is believed
sooner, and one that never does is ignored. A few imagined weights of the usual size hold a group until there are data.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from learning.model.features import BIAS
from learning.model.posterior import Array, Posterior
from learning.model.prior import Prior, likelihood, under

# The variances before any outcome, in standardised units.
_SHARED_BIAS, _ACTION_BIAS, _OTHER = 2.0, 0.5, 1 / 16
_HELD_BY = 4.0  # weights of the usual size
_NARROWEST, _WIDEST = 0.02, 20.0  # times the variance before any outcome


def usual(features: Sequence[str]) -> Array:
    """The variances (2, d) before any outcome: of the shared block's weights, and of an action's."""
    bias = np.array([name == BIAS for name in features], dtype=bool)
    return np.vstack([np.where(bias, _SHARED_BIAS, _OTHER), np.where(bias, _ACTION_BIAS, _OTHER)])


def prior_of(widths: Array, actions: int) -> Prior:
    """The cold prior of these widths."""
    precision = 1 / np.vstack([widths[0], *[widths[1]] * actions])
    return Prior(np.zeros_like(precision), precision)


def improved(widths: Array, memory: Posterior, features: Sequence[str]) -> Array:
    """One fixed-point step of the evidence from these variances (MacKay 1992, eq. 4.9)."""
    start, bias = usual(features), np.array([name == BIAS for name in features], dtype=bool)
    prior = prior_of(widths, len(memory.information))
    found, _ = under(prior, memory.information, likelihood(memory))
    # How far the outcomes decide each weight, from 0 to 1, and its square in units of the usual variance.
    decided = np.clip(1 - found.variances * prior.precision, 0, 1)
    square = found.mean**2 / prior_of(start, len(memory.information)).variance
    constants = _factor(square[1:, bias].sum(), decided[1:, bias].sum())
    shared = _factor(square[0, ~bias].sum(), decided[0, ~bias].sum())
    others = _factor(square[1:, ~bias].sum(), decided[1:, ~bias].sum())
    each = _factor(square[1:].sum(axis=0), decided[1:].sum(axis=0), others)
    factors = np.vstack([np.where(bias, 1.0, shared), np.where(bias, constants, each)])
    improved: Array = start * np.clip(factors, _NARROWEST, _WIDEST)
    return improved


def _factor(square: Any, decided: Any, usually: Any = 1.0) -> Any:
    return (square + _HELD_BY * usually) / (decided + _HELD_BY)
