"""Worlds whose truth is known: users in the order they come, and what each action would do to each of them.

No world draws from the model's prior, and most have no logistic truth. Numbers are standardised over all of a tenant's
users, which favours the policies that cannot do so themselves.
"""

from dataclasses import dataclass, replace

import numpy as np

from learning.model.features import BIAS
from learning.model.posterior import Array

NUMBERS, FLAGS = 6, 3
NAMES = (BIAS, *(f"traits.n{n}" for n in range(NUMBERS)), *(f"traits.f{n}=true" for n in range(FLAGS)))


@dataclass(frozen=True)
class World:
    """One tenant. An action succeeds where the luck is below its rate, whoever chose it."""

    names: tuple[str, ...]  # of the columns of x: a name with `=` is 1 or 0, any other is a number
    x: Array  # (decisions, features)
    rates: Array  # (decisions, actions)
    luck: Array  # (decisions)


def own(seed: int, decisions: int, actions: tuple[int, int] = (4, 6)) -> World:
    """Rates are σ(x·(s + a_k)), the model's own form; how strong s and a_k are differs from tenant to tenant."""
    random = np.random.default_rng([1, seed])
    k, d = int(random.integers(actions[0], actions[1] + 1)), len(NAMES)
    x = np.ones((decisions, d))
    x[:, 1 : 1 + NUMBERS] = random.normal(size=(decisions, NUMBERS))
    x[:, 1 + NUMBERS :] = random.random((decisions, FLAGS)) < random.uniform(0.2, 0.6, FLAGS)
    shared, own = random.normal(0, 0.4, d), random.normal(0, random.uniform(0.2, 0.7), (k, d))
    shared[0], own[:, 0] = random.normal(-1, 0.5), random.normal(0, 0.7, k)
    return World(NAMES, x, 1 / (1 + np.exp(-x @ (shared + own).T)), random.random(decisions))


def many(seed: int, decisions: int) -> World:
    """`own` with 50 actions."""
    return own(seed, decisions, (50, 50))


def rare(seed: int, decisions: int) -> World:
    """`own`, but 1 to 2 of 100 random actions succeed."""
    world = own(seed, decisions)
    logits = np.log(world.rates) - np.log1p(-world.rates)
    return replace(world, rates=_rates(logits, np.random.default_rng([6, seed]).uniform(0.01, 0.02)))


def change(seed: int, decisions: int) -> World:
    """`own`; from the middle on, every action does what another one did before."""
    world = own(seed, decisions)
    order = np.random.default_rng([7, seed]).permutation(world.rates.shape[1])
    rates = world.rates.copy()
    rates[decisions // 2 :, order] = world.rates[decisions // 2 :, np.roll(order, 1)]
    return replace(world, rates=rates)


def foreign(seed: int, decisions: int) -> World:
    """Nothing like the model: trees over correlated numbers with long tails and over categories, rewards of 1 to 5 %.

    3 to 8 actions, 500 to 8,000 users (as many of them as are asked for), two numbers that mean nothing.
    """
    random = np.random.default_rng([5, seed])
    decisions = min(decisions, int(np.exp(random.uniform(np.log(500), np.log(8000)))))
    k, numbers = int(random.integers(3, 9)), int(random.integers(5, 11))
    common = random.normal(size=(decisions, 2)) @ random.normal(0, 0.7, (2, numbers))
    amounts = np.exp(random.uniform(0.5, 2, numbers) * (common + random.normal(size=common.shape)))
    amounts *= 10 ** random.uniform(-1, 3, numbers)
    amounts[:, ::2] = np.floor(amounts[:, ::2])  # counts
    known = np.log1p(amounts)  # as `features.of_user` has it
    columns = [np.ones((decisions, 1)), _standardised(known)]
    names = [BIAS, *(f"traits.n{n}" for n in range(numbers))]
    for category in range(2):
        levels = int(random.integers(3, 5))
        level = random.choice(levels, decisions, p=random.dirichlet([2.0] * levels))
        columns.append(np.eye(levels)[level])
        names += [f"traits.c{category}={each}" for each in range(levels)]
    x = np.hstack(columns)
    telling = x[:, 3:]  # all but the constant and two numbers
    actions = [random.normal(0, 0.4) + _forest(telling, random) for _ in range(k)]
    logits = _forest(telling, random)[:, None] + np.column_stack(actions)
    return World(tuple(names), x, _rates(logits, random.uniform(0.01, 0.05)), random.random(decisions))


def _forest(x: Array, random: np.random.Generator) -> Array:
    logits: Array = np.sum([_tree(x, random) for _ in range(4)], axis=0)
    return logits


def _tree(x: Array, random: np.random.Generator) -> Array:
    """A split of each of two columns, and four leaves: what both say together is no sum of what each says."""
    one, other = random.choice(x.shape[1], 2, replace=False)
    above = [(x[:, column] > random.choice(x[:, column], 2).mean()).astype(np.intp) for column in (one, other)]
    leaves: Array = random.normal(0, 0.5, (2, 2))[above[0], above[1]]
    return leaves


def _rates(logits: Array, mean: float) -> Array:
    """σ of the logits, shifted so that their mean is this, by bisection."""
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 / (1 + np.exp(-logits - middle))).mean() < mean else (low, middle)
    rates: Array = 1 / (1 + np.exp(-logits - low))
    return rates


def _standardised(x: Array) -> Array:
    standardised: Array = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9)
    return standardised
