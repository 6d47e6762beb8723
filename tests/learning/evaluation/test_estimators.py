"""The estimators against a world whose truth is known."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from learning.evaluation.estimators import ENOUGH, Estimate, cross_fitted, dr, ips, snips
from learning.model.posterior import Array, Batch, Posterior

pytestmark = pytest.mark.no_database

ACTIONS, FEATURES, DECISIONS, WORLDS = 4, 3, 2000, 300
FLOOR = 0.05
WEIGHTS = np.random.default_rng(0).normal(size=(FEATURES, ACTIONS))


@dataclass(frozen=True)
class Log:
    """Decisions of a policy with a 5 % floor, and a candidate that mostly wants other actions."""

    x: Array
    action: NDArray[np.intp]
    logged: Array
    reward: Array
    policy: Array  # the candidate's

    @property
    def candidate(self) -> Array:
        chosen: Array = self.policy[np.arange(len(self.x)), self.action]
        return chosen


def rates(x: Array) -> Array:
    expected: Array = 1 / (1 + np.exp(1 - x @ WEIGHTS))
    return expected


def drawn_by(x: Array, sharpness: float) -> Array:
    """A policy with the floor: soft towards the best action, or away from it where `sharpness` is negative."""
    odds = np.exp(sharpness * x @ WEIGHTS)
    policy: Array = (1 - FLOOR) * odds / odds.sum(axis=1, keepdims=True) + FLOOR / ACTIONS
    return policy


def users(seed: int, count: int) -> Array:
    x = np.random.default_rng([1, seed]).normal(size=(count, FEATURES))
    x[:, 0] = 1
    return x


def log(seed: int, decisions: int = DECISIONS) -> Log:
    random, x = np.random.default_rng([2, seed]), users(seed, decisions)
    behaviour = drawn_by(x, 2)
    action = (behaviour.cumsum(axis=1) < random.random((decisions, 1))).sum(axis=1).clip(max=ACTIONS - 1)
    rows = np.arange(decisions)
    reward = (random.random(decisions) < rates(x)[rows, action]).astype(float)
    return Log(x, action, behaviour[rows, action], reward, drawn_by(x, -1))


@cache
def truth() -> float:
    x = users(-1 % 2**32, 1_000_000)
    return float((drawn_by(x, -1) * rates(x)).sum(axis=1).mean())


def by_ips(log: Log) -> Estimate:
    return ips(reward=log.reward, logged=log.logged, candidate=log.candidate)


def by_snips(log: Log) -> Estimate:
    return snips(reward=log.reward, logged=log.logged, candidate=log.candidate)


def by_dr(log: Log) -> Estimate:
    def fit_predict(fitted: NDArray[np.intp], held: NDArray[np.intp]) -> Array:
        shape = (1 + ACTIONS, FEATURES)
        model = Posterior(np.zeros(shape), np.ones(shape), np.zeros((ACTIONS, FEATURES, FEATURES)))
        for part in np.array_split(fitted, 10):
            model = model.updated(Batch(log.x[part], log.action[part], log.reward[part], np.ones(len(part))))
        predicted: Array = 1 / (1 + np.exp(-log.x[held] @ (model.mean[0] + model.mean[1:]).T))
        return predicted

    predicted = cross_fitted(fit_predict, len(log.x))
    return dr(reward=log.reward, logged=log.logged, action=log.action, policy=log.policy, predicted=predicted)


def by_dr_with_a_wrong_model(log: Log) -> Estimate:
    wrong = np.full(log.policy.shape, 0.9)
    return dr(reward=log.reward, logged=log.logged, action=log.action, policy=log.policy, predicted=wrong)


ESTIMATORS = [by_ips, by_snips, by_dr, by_dr_with_a_wrong_model]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_interval__over_many_logs__covers_the_truth_in_nineteen_of_twenty(estimator: Callable[[Log], Estimate]) -> None:
    estimates = [estimator(log(seed)) for seed in range(WORLDS)]

    covered = np.mean([estimate.low <= truth() <= estimate.high for estimate in estimates])
    assert 0.90 <= covered <= 0.995
    bias = np.mean([estimate.value for estimate in estimates]) - truth()
    spread = np.std([estimate.value for estimate in estimates])
    assert abs(bias) < 4 * spread / WORLDS**0.5


def always_nothing(seed: int, floor: float, decisions: int = 16_000) -> tuple[Log, float]:
    """Rewards of some 3 %, logged by who hardly ever does the first action; and what always doing it would earn."""
    random, x = np.random.default_rng([3, seed]), users(seed, decisions)
    odds = np.exp(3 * x @ WEIGHTS - 3 * (np.arange(ACTIONS) == 0))
    behaviour = (1 - floor) * odds / odds.sum(axis=1, keepdims=True) + floor / ACTIONS
    action = (behaviour.cumsum(axis=1) < random.random((decisions, 1))).sum(axis=1).clip(max=ACTIONS - 1)
    rows, expected = np.arange(decisions), rates(x) / 10
    reward = (random.random(decisions) < expected[rows, action]).astype(float)
    policy = np.tile(np.eye(ACTIONS)[0], (decisions, 1))
    return Log(x, action, behaviour[rows, action], reward, policy), float(expected[:, 0].mean())


@pytest.mark.parametrize("floor", [0.02, 0.05])
@pytest.mark.parametrize("estimator", [by_ips, by_snips, by_dr])
def test_interval__of_what_was_hardly_ever_done__covers_the_truth_or_is_refused(
    estimator: Callable[[Log], Estimate], floor: float
) -> None:
    worlds = [always_nothing(seed, floor) for seed in range(100)]

    estimates = [(estimator(log), truth) for log, truth in worlds]

    given = [(found, truth) for found, truth in estimates if found.effective >= ENOUGH]
    assert all(np.isinf(found.high) == (found.effective < ENOUGH) for found, _ in estimates)
    assert len(given) >= 50
    assert np.mean([found.low <= truth <= found.high for found, truth in given]) >= 0.95


def test_estimators__compared__model_and_normalisation_narrow_the_interval() -> None:
    logs = [log(seed) for seed in range(100)]
    width = {estimator: np.mean([e.high - e.low for e in map(estimator, logs)]) for estimator in ESTIMATORS}

    assert width[by_dr] < width[by_snips]
    assert width[by_dr] < width[by_ips]
    assert width[by_dr] < width[by_dr_with_a_wrong_model]


def test_naive_mean__of_the_logged_rewards__is_far_from_the_truth() -> None:
    """What the estimators are for."""
    assert log(0).reward.mean() - truth() > 0.2


def test_policy_that_logged__evaluated_by_itself__is_its_mean_reward() -> None:
    found = log(3)
    same = {"reward": found.reward, "logged": found.logged, "candidate": found.logged}

    for estimate in (ips(**same), snips(**same)):
        assert estimate.value == pytest.approx(found.reward.mean())
        assert estimate.effective == pytest.approx(DECISIONS)
        assert estimate.low < estimate.value < estimate.high


def test_candidate__that_never_does_what_was_done__is_unknown_and_not_zero() -> None:
    nothing = snips(reward=np.ones(5), logged=np.full(5, 0.5), candidate=np.zeros(5))

    assert np.isnan(nothing.value)
    assert (nothing.low, nothing.high) == (-np.inf, np.inf)
    assert nothing.effective == 0


def test_one_decision__has_no_interval() -> None:
    estimate = ips(reward=np.ones(1), logged=np.ones(1), candidate=np.ones(1))

    assert (estimate.value, estimate.low, estimate.high) == (1, -np.inf, np.inf)


@pytest.mark.parametrize("logged", [0.0, -0.1, 1.5, float("nan")])
def test_logged_probability__that_cannot_be__is_refused(logged: float) -> None:
    with pytest.raises(ValueError, match="logged probability"):
        ips(reward=np.ones(1), logged=np.array([logged]), candidate=np.ones(1))


def test_cross_fitted__never_predicts_what_it_was_fitted_on() -> None:
    seen = []

    def fit_predict(fitted: NDArray[np.intp], held: NDArray[np.intp]) -> Array:
        seen.append((set(fitted.tolist()), set(held.tolist())))
        return np.tile(held[:, None], (1, 2)).astype(float)

    predicted = cross_fitted(fit_predict, 7, folds=3)

    assert predicted[:, 0].tolist() == list(range(7))
    assert all(not fitted & held and fitted | held == set(range(7)) for fitted, held in seen)
