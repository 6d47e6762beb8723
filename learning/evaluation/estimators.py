"""What another policy would have earned, from the decisions that this one made: three estimators with 95 % intervals.

All of them need what was logged with each decision: the action, the probability with which it was drawn, the reward.
`candidate` is the probability with which the other policy would have drawn that same action for that same user.

- IPS (Horvitz & Thompson 1952): unbiased, and as wide as the largest weight.
- SNIPS (Swaminathan & Joachims 2015): divided by the weights' own mean; a little bias for much less variance.
- DR (Dudík, Langford & Li 2011): a model of the reward, corrected by IPS where it was wrong; unbiased whatever the
  model, if the model has not seen the rewards that it is corrected by: `cross_fitted` sees to that.

An interval is mean ± 1.96 standard errors of the influence function. Where hardly any reward was earned, errors seem
smaller than they are. So it also covers what it would be with four decisions more, two of them rewarded, of the weight
that the effective ones have (Agresti & Coull 1998, for a share). With fewer than `ENOUGH` effective decisions there is
none, that is, its ends are infinite.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning.model.posterior import Array

ENOUGH = 100
_Z = 1.959963984540054


@dataclass(frozen=True)
class Estimate:
    """A policy's mean reward, of rewards from 0 to 1, with its 95 % interval and how many decisions speak about it."""

    value: float
    low: float
    high: float
    effective: float  # (Σw)² / Σw²: as many decisions would have told as much if the candidate had made them itself


def ips(*, reward: Array, logged: Array, candidate: Array) -> Estimate:
    """Each reward counts as often as the candidate would have been where it was earned."""
    weight = _weights(logged, candidate)
    return _estimate(weight * reward, weight)


def snips(*, reward: Array, logged: Array, candidate: Array) -> Estimate:
    """As `ips`, over the sum of the weights instead of their number."""
    weight = _weights(logged, candidate)
    total = weight.sum()
    if total == 0:
        return Estimate(np.nan, -np.inf, np.inf, 0.0)
    value = float((weight * reward).sum() / total)
    return _estimate(value + weight * (reward - value) / weight.mean(), weight / weight.mean())


def dr(*, reward: Array, logged: Array, action: NDArray[np.intp], policy: Array, predicted: Array) -> Estimate:
    """The model's word for what the candidate would do, plus the weighted error it made where something was done.

    Args:
        policy: the candidate's probability of every action (decisions, actions).
        predicted: the reward expected of every action (decisions, actions).
    """
    rows = np.arange(len(reward))
    weight = _weights(logged, policy[rows, action])
    return _estimate((policy * predicted).sum(axis=1) + weight * (reward - predicted[rows, action]), weight)


def cross_fitted(
    fit_predict: Callable[[NDArray[np.intp], NDArray[np.intp]], Array], decisions: int, folds: int = 2
) -> Array:
    """Predictions (decisions, actions) for `dr`, each from a model that was fitted without that decision's fold.

    Args:
        fit_predict: fits on the decisions of the first indices, and predicts those of the second.
    """
    fold = np.arange(decisions) % folds
    parts = [(np.flatnonzero(fold != n), np.flatnonzero(fold == n)) for n in range(folds)]
    predictions = [fit_predict(fitted, held) for fitted, held in parts]
    joined = np.empty((decisions, predictions[0].shape[1]))
    for (_, held), predicted in zip(parts, predictions, strict=True):
        joined[held] = predicted
    return joined


def _weights(logged: Array, candidate: Array) -> Array:
    if not ((logged > 0) & (logged <= 1)).all():
        raise ValueError("A logged probability is above 0 and at most 1: what could not be drawn was not.")
    return candidate / logged


def _estimate(terms: Array, weight: Array) -> Estimate:
    value, squares = float(terms.mean()), float((weight**2).sum())
    effective = float(weight.sum()) ** 2 / squares if squares else 0.0
    if effective < ENOUGH:
        return Estimate(value, -np.inf, np.inf, effective)
    margin = _Z * float(terms.std(ddof=1)) / len(terms) ** 0.5
    added = squares / float(weight.sum())  # the weight of one that is effective
    among = len(terms) + 4 * added
    middle = (float(terms.sum()) + 2 * added) / among
    wider = _Z * (float(((terms - value) ** 2).sum()) + added**2) ** 0.5 / among
    return Estimate(value, min(value - margin, middle - wider), max(value + margin, middle + wider), effective)
