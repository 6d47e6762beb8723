"""The world that `make simulate` decides in: tenants whose users answer as no policy knows beforehand.

A tenant has 4 to 6 actions, doing nothing among them, and 10 features: a constant, 6 numbers and 3 yes-or-no traits. An
action succeeds with σ(x·(s + a_k)); how strong s and a_k are differs from tenant to tenant, and is not what the model's
prior says. Outcomes come back in batches, as the learner task folds them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning.model.policy import choose
from learning.model.posterior import Array
from learning.model.state import NOTHING, Example, State

BATCH = 20
NUMBERS, FLAGS = 6, 3
NAMES = ("bias", *(f"traits.n{n}" for n in range(NUMBERS)), *(f"traits.f{n}=true" for n in range(FLAGS)))


@dataclass(frozen=True)
class World:
    """One tenant: its users in the order they come, and what each action would do to each."""

    x: Array  # (decisions, 10)
    rates: Array  # (decisions, K)
    luck: Array  # (decisions): an action succeeds where this is below its rate


def world(seed: int, decisions: int) -> World:
    """The tenant of this seed."""
    random = np.random.default_rng([1, seed])
    k, d = int(random.integers(4, 7)), len(NAMES)
    x = np.ones((decisions, d))
    x[:, 1 : 1 + NUMBERS] = random.normal(size=(decisions, NUMBERS))
    x[:, 1 + NUMBERS :] = random.random((decisions, FLAGS)) < random.uniform(0.2, 0.6, FLAGS)
    shared, own = random.normal(0, 0.4, d), random.normal(0, random.uniform(0.2, 0.7), (k, d))
    shared[0], own[:, 0] = random.normal(-1, 0.5), random.normal(0, 0.7, k)
    return World(x, 1 / (1 + np.exp(-x @ (shared + own).T)), random.random(decisions))


@dataclass(frozen=True)
class Run:
    """What a policy did in a world: per decision the action, and the confidence in it where the policy states one."""

    actions: NDArray[np.intp]
    confidence: Array | None = None


def retivo(world: World, seed: int) -> Run:
    """The model as decisions use it: `choose` and `State.learned`."""
    names = [NOTHING, *(f"at_{n}" for n in range(1, world.rates.shape[1]))]
    state, waiting = State.cold(), list[Example]()
    actions, confidence = np.zeros(len(world.x), np.intp), np.zeros(len(world.x))
    for n, x in enumerate(world.x):
        features = {name: float(value) for name, value in zip(NAMES, x, strict=True) if value or "=" not in name}
        choice = choose(state=state, features=features, names=NAMES, actions=names, seed=f"{seed}/{n}")
        actions[n], confidence[n] = choice.index, choice.confidence[choice.index]
        reward = float(world.luck[n] < world.rates[n, choice.index])
        waiting.append(Example(features, choice.action, reward))
        if len(waiting) == BATCH:
            state, waiting = state.learned(waiting, NAMES), []
    return Run(actions, confidence)


def linucb(world: World, _seed: int) -> Run:
    """Disjoint LinUCB (Li et al. 2010) with α = 1: no propensities, since it does not draw."""
    (_, k), d = world.rates.shape, world.x.shape[1]
    inverse, told = np.array([np.eye(d)] * k), np.zeros((k, d))
    a = np.array([np.eye(d)] * k)
    actions = np.zeros(len(world.x), np.intp)
    for start in range(0, len(world.x), BATCH):
        x = world.x[start : start + BATCH]
        weights = np.einsum("kij,kj->ki", inverse, told)
        bound = x @ weights.T + np.sqrt(np.einsum("ni,kij,nj->nk", x, inverse, x))
        chosen = bound.argmax(axis=1)
        actions[start : start + BATCH] = chosen
        for n, action in enumerate(chosen):
            a[action] += np.outer(x[n], x[n])
            told[action] += x[n] * (world.luck[start + n] < world.rates[start + n, action])
        inverse = np.linalg.inv(a)
    return Run(actions)


def beta_counters(world: World, seed: int) -> Run:
    """Thompson sampling on a Beta counter per action and segment; the segments are the yes-or-no traits' 8."""
    random = np.random.default_rng([2, seed])
    segments = (world.x[:, 1 + NUMBERS :] @ 2 ** np.arange(FLAGS)).astype(np.intp)
    counters = np.ones((2**FLAGS, world.rates.shape[1], 2))
    actions, confidence = np.zeros(len(world.x), np.intp), np.zeros(len(world.x))
    for start in range(0, len(world.x), BATCH):
        for n in range(start, min(start + BATCH, len(world.x))):
            won, lost = counters[segments[n]].T
            drawn = random.beta(won, lost, size=(200, len(won)))
            actions[n] = drawn[0].argmax()
            confidence[n] = (drawn.argmax(axis=1) == actions[n]).mean()
        for n in range(start, min(start + BATCH, len(world.x))):
            failed = int(world.luck[n] >= world.rates[n, actions[n]])
            counters[segments[n], actions[n], failed] += 1
    return Run(actions, confidence)


OURS = "this model"
POLICIES: dict[str, Callable[[World, int], Run]] = {
    OURS: retivo,
    "LinUCB": linucb,
    "Beta counters by segment": beta_counters,
}


@dataclass(frozen=True)
class Played:
    """What came of one policy in one world."""

    steps: NDArray[np.intp]  # after how many decisions
    captured: Array  # of what lies between random and the oracle, over all decisions so far
    confidence: Array | None
    best: Array  # whether the chosen action was the truly best one


def play(seed: int, decisions: int) -> dict[str, Played]:
    """Every policy in the world of this seed: the same users with the same luck."""
    tenant = world(seed, decisions)
    steps = np.linspace(0, decisions, 41)[1:].astype(np.intp)
    random, oracle = tenant.rates.mean(axis=1), tenant.rates.max(axis=1)
    played = {}
    for name, policy in POLICIES.items():
        run = policy(tenant, seed)
        earned = tenant.rates[np.arange(decisions), run.actions]
        captured = np.cumsum(earned - random)[steps - 1] / np.cumsum(oracle - random)[steps - 1]
        best = (run.actions == tenant.rates.argmax(axis=1)).astype(float)
        played[name] = Played(steps, captured, run.confidence, best)
    return played


def reliability(tenants: list[Played], bins: int = 10) -> tuple[Array, Array, Array]:
    """By tenths of confidence: the mean confidence, how often it was true, and the share of the decisions."""
    stated = np.concatenate([tenant.confidence for tenant in tenants if tenant.confidence is not None])
    true = np.concatenate([tenant.best for tenant in tenants])
    tenth = np.minimum((stated * bins).astype(np.intp), bins - 1)
    count = np.bincount(tenth, minlength=bins)
    there = count > 0
    return (
        np.bincount(tenth, stated, bins)[there] / count[there],
        np.bincount(tenth, true, bins)[there] / count[there],
        count[there] / count.sum(),
    )


def calibration_error(tenants: list[Played]) -> float:
    """The expected calibration error (Guo et al. 2017) of the confidence in the chosen action."""
    stated, true, weight = reliability(tenants)
    return float((weight * np.abs(stated - true)).sum())
