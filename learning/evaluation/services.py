"""A candidate policy against decisions that were made and logged: what it would have earned instead."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning.evaluation.estimators import Estimate, cross_fitted, dr, ips, snips
from learning.model.policy import choose
from learning.model.posterior import Array
from learning.model.state import Example, State

_STEP = 100


@dataclass(frozen=True)
class Logged:
    """One decision of the ledger."""

    features: Mapping[str, float]
    actions: Sequence[str]  # the candidates that it was drawn from
    action: str
    propensity: float
    reward: float


# How likely a policy draws each of the candidates for a user; the probabilities sum to 1.
Policy = Callable[[Mapping[str, float], Sequence[str]], Sequence[float]]


def uniform(_features: Mapping[str, float], actions: Sequence[str]) -> Sequence[float]:
    """Every candidate alike."""
    return [1 / len(actions)] * len(actions)


def of_state(state: State, names: Sequence[str]) -> Policy:
    """As `choose` draws from this state."""

    def draws(features: Mapping[str, float], actions: Sequence[str]) -> Sequence[float]:
        return choose(state=state, features=features, names=names, actions=actions, seed="").propensity

    return draws


def evaluate(*, decisions: Sequence[Logged], policy: Policy, names: Sequence[str]) -> dict[str, Estimate]:
    """The mean reward of `policy` by each estimator: `ips`, `snips` and `dr`.

    Args:
        decisions: at least two, each with a propensity above 0.
        names: the features that the model of the reward, which is this project's own, may look at.
    """
    actions = list(dict.fromkeys(action for decision in decisions for action in decision.actions))
    place = {action: index for index, action in enumerate(actions)}
    wanted = np.zeros((len(decisions), len(actions)))
    for row, decision in zip(wanted, decisions, strict=True):
        drawn = np.asarray(policy(decision.features, decision.actions), dtype=np.float64)
        if (drawn < 0).any() or abs(drawn.sum() - 1) > 1e-6:
            raise ValueError("A policy's probabilities are not negative, and sum to 1.")
        row[[place[action] for action in decision.actions]] = drawn
    action = np.array([place[decision.action] for decision in decisions])
    reward = np.array([decision.reward for decision in decisions])
    logged = np.array([decision.propensity for decision in decisions])

    def fit_predict(fitted: NDArray[np.intp], held: NDArray[np.intp]) -> Array:
        state = State.cold().covering(names, actions)
        for start in range(0, len(fitted), _STEP):
            part = [decisions[index] for index in fitted[start : start + _STEP]]
            state = state.learned([Example(each.features, each.action, each.reward) for each in part], names)
        order = [state.actions.index(name) for name in actions]
        mean = state.posterior.mean
        x = np.array([state.vector(decisions[index].features) for index in held])
        expected: Array = 1 / (1 + np.exp(-x @ (mean[0] + mean[1:][order]).T))
        return expected

    predicted = cross_fitted(fit_predict, len(decisions))
    candidate = wanted[np.arange(len(decisions)), action]
    return {
        "ips": ips(reward=reward, logged=logged, candidate=candidate),
        "snips": snips(reward=reward, logged=logged, candidate=candidate),
        "dr": dr(reward=reward, logged=logged, action=action, policy=wanted, predicted=predicted),
    }
