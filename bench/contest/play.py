"""Every policy in every world: what it captured of what lies between choosing at random and knowing the truth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.contest import datasets, worlds
from bench.contest.rivals import POLICIES, Policy
from bench.contest.worlds import World
from learning.model.posterior import Array

POINTS = 40  # of a curve


@dataclass(frozen=True)
class Setting:
    """A world, how large it is played, and after how many decisions it is looked at."""

    make: Callable[[int, int], World]
    decisions: int
    tenants: int  # at full size
    marks: tuple[int, ...]
    batch: int = 20  # outcomes that come back at once
    changes: bool = False  # in the middle; from then on it is measured anew
    goals: bool = True  # the secondary worlds have none

    @property
    def steps(self) -> list[int]:
        """After how many decisions it is looked at what was captured: evenly, and at the marks."""
        even = np.ceil(np.linspace(0, self.decisions, POINTS + 1)[1:]).astype(np.intp)
        return sorted({*even.tolist(), *self.marks})

    def start(self, step: int) -> int:
        """Since which decision it counts what was captured until this step."""
        return self.decisions // 2 if self.changes and step > self.decisions // 2 else 0


SETTINGS = {
    "own": Setting(worlds.own, 2_000, 60, (100, 500, 2_000)),
    "foreign": Setting(worlds.foreign, 2_000, 100, (100, 500, 2_000)),
    "rare": Setting(worlds.rare, 2_000, 100, (100, 500, 2_000), batch=100),
    "change": Setting(worlds.change, 4_000, 40, (500, 2_000, 4_000), changes=True),
    "digits": Setting(datasets.digits, 2_000, 20, (100, 500, 2_000)),
    "breast_cancer": Setting(datasets.breast_cancer, 2_000, 30, (100, 500, 2_000)),
    "wine": Setting(datasets.wine, 2_000, 30, (100, 500, 2_000)),
    "many": Setting(worlds.many, 2_000, 20, (100, 500, 2_000), goals=False),
    "short": Setting(worlds.own, 30, 400, (30,), goals=False),
}


@dataclass(frozen=True)
class Played:
    """What came of one policy in one world."""

    captured: dict[int, float]  # after how many decisions, as far as the tenant got: the share until then
    confidence: Array | None  # in the chosen action
    best: Array  # whether the chosen action was the truly best one


def play(setting: Setting, seed: int, policies: Sequence[str] = tuple(POLICIES)) -> dict[str, Played]:
    """Every policy in the world of this seed: the same users with the same luck."""
    world = setting.make(seed, setting.decisions)
    return {name: _played(setting, world, POLICIES[name], seed) for name in policies}


def _played(setting: Setting, world: World, policy: type[Policy], seed: int) -> Played:
    chosen, confidence = decide(world, policy, seed, setting.batch)
    size = len(chosen)
    earned, random, oracle = world.rates[np.arange(size), chosen], world.rates.mean(axis=1), world.rates.max(axis=1)
    gained, possible = (np.append(0, np.cumsum(each)) for each in (earned - random, oracle - random))
    captured = {}
    for step in setting.steps:
        if step <= size:
            start = setting.start(step)
            captured[step] = float((gained[step] - gained[start]) / (possible[step] - possible[start]))
    return Played(captured, confidence, (earned == oracle).astype(float))


def decide(world: World, policy: type[Policy], seed: int, batch: int) -> tuple[NDArray[np.intp], Array | None]:
    """What the policy chose, user by user, and its confidence in that; it learns a batch at a time."""
    player = policy(world.names, world.rates.shape[1], seed)
    chosen, confidence = np.zeros(len(world.x), np.intp), np.full(len(world.x), np.nan)
    for start in range(0, len(world.x), batch):
        rows = slice(start, start + batch)
        x = world.x[rows]
        chosen[rows], stated = player.choose(x)
        confidence[rows] = np.nan if stated is None else stated
        succeeds = world.luck[rows] < world.rates[rows][np.arange(len(x)), chosen[rows]]
        player.learn(x, chosen[rows], succeeds.astype(float))
    return chosen, None if np.isnan(confidence).any() else confidence


def reliability(tenants: Sequence[Played], bins: int = 10) -> tuple[Array, Array, Array]:
    """By tenths of confidence: the mean confidence, how often it was true, and the share of the decisions."""
    stated = np.concatenate([tenant.confidence for tenant in tenants if tenant.confidence is not None])
    true = np.concatenate([tenant.best for tenant in tenants if tenant.confidence is not None])
    tenth = np.minimum((stated * bins).astype(np.intp), bins - 1)
    count = np.bincount(tenth, minlength=bins)
    there = count > 0
    return (
        np.bincount(tenth, stated, bins)[there] / count[there],
        np.bincount(tenth, true, bins)[there] / count[there],
        count[there] / count.sum(),
    )


def calibration_error(tenants: Sequence[Played]) -> float:
    """The expected calibration error (Guo et al. 2017) of the confidence in the chosen action."""
    stated, true, weight = reliability(tenants)
    return float((weight * np.abs(stated - true)).sum())
