"""A population of merchants of one partner, whose truth is known: what a pattern is worth to the next one.

They have 5 actions, doing nothing among them, and the 10 features of `contest.worlds.own`. What an action does to a
user differs from action to action, and by less from merchant to merchant. The contributors have tried everything
evenly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.contest.worlds import FLAGS, NAMES, NUMBERS, World
from learning.model.policy import choose
from learning.model.posterior import Array
from learning.model.prior import SHARED, Pattern
from learning.model.state import NOTHING, Example, State
from learning.patterns import privacy
from learning.patterns import statistic as patterns
from learning.patterns.releases import LEAST_TENANTS

ACTIONS = (NOTHING, "at_1", "at_2", "at_3", "at_4")
OUTCOMES = 400  # of each contributor
BATCH = 20  # outcomes that come back at once, of a new merchant


Contribution = dict[str, list[int]]  # by block


@dataclass(frozen=True)
class Population:
    """What its merchants have in common, and by how much each differs."""

    shared: Array
    own: Array
    spread: float


def population(seed: int) -> Population:
    """The population of this seed."""
    random = np.random.default_rng([3, seed])
    shared, own = random.normal(0, 0.3, len(NAMES)), random.normal(0, 0.35, (len(ACTIONS), len(NAMES)))
    shared[0], own[:, 0] = 0.0, random.normal(0, 0.7, len(ACTIONS))
    return Population(shared, own, 0.15)


def merchant(population: Population, seed: int, decisions: int) -> World:
    """One of them: about the population's effects, with the spread."""
    random = np.random.default_rng([4, seed])
    x = np.ones((decisions, len(NAMES)))
    x[:, 1 : 1 + NUMBERS] = random.normal(size=(decisions, NUMBERS))
    x[:, 1 + NUMBERS :] = random.random((decisions, FLAGS)) < random.uniform(0.2, 0.6, FLAGS)
    shared = population.shared + random.normal(0, population.spread, population.shared.shape)
    own = population.own + random.normal(0, population.spread, population.own.shape)
    return World(NAMES, x, 1 / (1 + np.exp(-x @ (shared + own).T)), random.random(decisions))


def features(x: Array) -> dict[str, float]:
    """Of one user, by name."""
    return {name: float(value) for name, value in zip(NAMES, x, strict=True) if value or "=" not in name}


def given(population: Population, seed: int) -> Contribution:
    """What the contributor of this seed adds to a release."""
    world, random = merchant(population, seed, OUTCOMES), np.random.default_rng([5, seed])
    drawn = random.integers(0, len(ACTIONS), OUTCOMES)
    examples = [
        Example(features(x), ACTIONS[k], float(luck < rates[k]))
        for x, k, rates, luck in zip(world.x, drawn, world.rates, world.luck, strict=True)
    ]
    state = State.cold()
    for start in range(0, OUTCOMES, 100):
        state = state.learned(examples[start : start + 100], NAMES)
    rows = patterns.clipped(patterns.statistic(state, NAMES)).tolist()
    return dict(zip((SHARED, *state.actions), rows, strict=True))


def released(contributions: Sequence[Contribution], epsilon: float, seed: int) -> dict[str, Pattern]:
    """The patterns of one release that spends ε at once."""
    rho = privacy.rho_of(epsilon)
    blocks = (SHARED, *ACTIONS)
    zero = [0] * (2 + len(NAMES))
    sums = [
        sum(column)
        for block in blocks
        for column in zip(*(each.get(block, zero) for each in contributions), strict=True)
    ]
    deviation = privacy.deviation(rho)
    noise = np.rint(np.random.default_rng(seed).normal(0, deviation * privacy.FIXED_POINT, len(sums))).astype(int)
    noisy = (np.array(sums) + noise).tolist()
    width = len(zero)
    found = {b: patterns.pattern(noisy[n * width : (n + 1) * width], deviation, NAMES) for n, b in enumerate(blocks)}
    return {block: each for block, each in found.items() if each}


def permuted(found: Mapping[str, Pattern]) -> dict[str, Pattern]:
    """Wrong: every action type has the pattern of the next one."""
    actions = [action for action in ACTIONS if action in found]
    turned = dict(zip(actions, actions[1:] + actions[:1], strict=True))
    return {block: found[turned.get(block, block)] for block in found}


def start(world: World, found: Mapping[str, Pattern] | None, seed: int) -> Array:
    """What a new merchant earns, decision by decision, with these patterns; cold without any."""
    state, waiting = State.cold().with_patterns(found or {}), list[Example]()
    earned = np.zeros(len(world.x))
    for n, x in enumerate(world.x):
        known = features(x)
        choice = choose(state=state, features=known, names=NAMES, actions=ACTIONS, seed=f"{seed}/{n}")
        earned[n] = world.rates[n, choice.index]
        waiting.append(Example(known, choice.action, float(world.luck[n] < earned[n])))
        if len(waiting) == BATCH:
            state, waiting = state.learned(waiting, NAMES), []
    return earned


SIZES, EPSILONS = (20, 100, 500), (0.5, 1.0, 4.0)
DECISIONS, FIRST = 500, 100
GOAL = (500, 1.0)
COLD, WRONG, ALIEN = "cold", "wrong", "alien"


@dataclass(frozen=True)
class Start:
    """How new merchants of one population fared with one pattern."""

    share: float  # of the oracle's reward, in the first 100 decisions
    regret: float  # after all


def play(seed: int, merchants: int = 4) -> dict[object, Start]:
    """The population of this seed: new merchants cold, with each size's and ε's patterns, and with misleading ones."""
    people, strangers = population(seed), population(10_000 + seed)
    size, epsilon = GOAL
    contributions = [given(people, 10_000 * (1 + seed) + n) for n in range(size)]
    theirs = [given(strangers, 10_000 * (1 + seed) + n) for n in range(size)]
    tried: dict[object, Mapping[str, Pattern]] = {
        (n, each): released(contributions[:n], each, seed) for n in SIZES for each in EPSILONS
    }
    tried |= {COLD: {}, WRONG: permuted(tried[GOAL]), ALIEN: released(theirs, epsilon, seed)}
    # Below it nothing is released.
    tried |= {cell: {} for cell in tried if isinstance(cell, tuple) and cell[0] < LEAST_TENANTS / cell[1]}
    worlds = [merchant(people, 10**7 + 100 * seed + n, DECISIONS) for n in range(merchants)]
    return {name: fared(worlds, found) for name, found in tried.items()}


def fared(worlds: Sequence[World], found: Mapping[str, Pattern]) -> Start:
    """How new merchants do with these patterns, on average; cold without any."""
    shares, regrets = [], []
    for n, world in enumerate(worlds):
        earned, best = start(world, found, n), world.rates.max(axis=1)
        shares.append(earned[:FIRST].sum() / best[:FIRST].sum())
        regrets.append((best - earned).sum())
    return Start(float(np.mean(shares)), float(np.mean(regrets)))
