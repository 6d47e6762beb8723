"""From patterns to the prior of a tenant's posterior, and how far that prior is trusted. Mathematics alone.

A state keeps what its examples told apart from its prior: the information H_k, and through the mean also the linear
term h_k of the same quadratic likelihood, exp(−½ uᵀH_k u + h_kᵀu) with u = s + a_k. So any other Gaussian prior can be
put in the place of the cold one, exactly and at any time, and what the tenant's own outcomes say for it is a closed
formula. Three priors are weighed against each other by that:

    cold      what everyone starts with
    unnamed   how a merchant's users are, and what actions are like, but not which action is which
    full      the patterns of all blocks

Without `unnamed`, a pattern whose action types are wrong would long outdo the cold prior, for all that it has right.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from learning.model.posterior import Array, Posterior

# What each is given before the first outcome.
COLD, UNNAMED, FULL = 0.05, 0.25, 0.7
_NEGLIGIBLE = 0.02
_LEAST_SPREAD = 0.05


SHARED = "shared"  # a block's name beside those of actions
COUNTED = 0.7  # what a tenant that knows all of a block adds to its count, beside its weights


@dataclass(frozen=True)
class Pattern:
    """Of one block: the mean of the tenants' weights, as far as the noise lets it be seen."""

    features: tuple[str, ...]
    count: float  # tenants in effect, noisy
    mean: Array
    error: float  # the standard deviation of each of `mean` that is due to the noise
    square: float  # the mean of the tenants' squared weights, in units of the cold prior's variance


@dataclass(frozen=True)
class Prior:
    """Independent Gaussians, in the shape of `Posterior.mean`."""

    mean: Array
    precision: Array

    @property
    def variance(self) -> Array:
        return 1 / self.precision


@dataclass(frozen=True)
class Expert:
    """The posterior under one of the priors, and the probability that this prior is the right one."""

    name: str
    weight: float
    posterior: Posterior
    prior_mean: Array


def of_patterns(found: Mapping[str, Pattern], *, names: Sequence[str], actions: Sequence[str], cold: Array) -> Prior:
    """The prior that the patterns of these blocks give; the cold one wherever there is no pattern.

    Empirical Bayes that knows of the noise: a population's weight is drawn from the cold prior, a pattern shows it with
    an error, and a tenant's own lies about it with the spread that the tenants' squares leave.

    Args:
        cold: the precisions of the cold prior, in the shape of `Posterior.mean`.
    """
    mean, precision = np.zeros_like(cold), cold.copy()
    known = [
        (row, found[block])
        for row, block in enumerate((SHARED, *actions))
        if block in found and not set(names).isdisjoint(found[block].features)
    ]
    spread = _spread(known, names, cold)
    for row, pattern in known:
        there, taken = _common(names, pattern)
        variance = 1 / cold[row, there]
        # The count is as noisy as each sum, so the larger a mean is, the less is it known.
        noise = pattern.error**2 * (1 + (pattern.mean[taken] / COUNTED) ** 2)
        seen = variance / (variance + noise)
        mean[row, there] = seen * pattern.mean[taken]
        precision[row, there] = 1 / np.minimum(spread * variance + seen * noise, variance)
    return Prior(mean, precision)


def unnamed(full: Prior, cold: Prior) -> Prior:
    """What the patterns say of the shared block and of actions as such: every action has the same prior.

    Its mean is that of all actions with a pattern, its variance what lies between them on top of their own.
    """
    known = full.precision[1:] > cold.precision[1:]
    actions = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, full.mean[1:], 0).sum(axis=0) / actions
    within = np.where(known, 1 / full.precision[1:], 0).sum(axis=0) / actions
    between = np.where(known, (full.mean[1:] - mean) ** 2, 0).sum(axis=0) / np.maximum(actions - 1, 1)
    variance = np.where(actions > 1, np.minimum(within + between, 1 / cold.precision[1]), 1 / cold.precision[1])
    rows = len(full.mean) - 1
    return Prior(
        np.vstack([full.mean[0], np.tile(np.where(actions > 1, mean, 0), (rows, 1))]),
        np.vstack([full.precision[0], np.tile(1 / variance, (rows, 1))]),
    )


def likelihood(cold: Posterior) -> Array:
    """The linear terms h (K, d) of what the examples told, from the posterior under a prior with mean 0."""
    told = np.einsum("kij,kj->ki", cold.information, cold.mean[0] + cold.mean[1:])
    linear: Array = told + cold.prior_precision[1:] * cold.mean[1:]
    return linear


def under(prior: Prior, information: Array, linear: Array) -> tuple[Posterior, float]:
    """The posterior that the examples give `prior`, and the logarithm of how well it foretold them."""
    start = prior.mean[0] + prior.mean[1:]
    pull = linear - np.einsum("kij,kj->ki", information, start)
    sharp = Posterior(prior.mean, prior.precision, information)
    step = sharp.solve(pull)
    foretold = ((linear + pull) * start).sum() / 2 + (pull * (step[0] + step[1:])).sum() / 2
    volume = np.log(prior.precision).sum() + np.linalg.slogdet(sharp.own_covariance)[1].sum()
    volume += np.linalg.slogdet(sharp.shared_covariance)[1]
    return Posterior(prior.mean + step, prior.precision, information), float(foretold + volume / 2)


def experts(memory: Posterior, cold: Prior, full: Prior | None) -> list[Expert]:
    """The posteriors under the priors, weighed by how well each foretold what the memory knows; they sum to 1."""
    linear = likelihood(memory)
    priors = {"cold": (COLD, cold)}
    if full:
        usual = Prior(np.zeros_like(memory.mean), memory.prior_precision)
        priors |= {"unnamed": (UNNAMED, unnamed(full, usual)), "full": (FULL, full)}
    found = {name: under(prior, memory.information, linear) for name, (_, prior) in priors.items()}
    logs = np.array([np.log(share) + found[name][1] for name, (share, _) in priors.items()])
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    return [
        Expert(name, float(weight), found[name][0], prior.mean)
        for weight, (name, (_, prior)) in zip(weights, priors.items(), strict=True)
    ]


def weighty(several: Sequence[Expert]) -> list[Expert]:
    """Those of a weight that is not negligible; they sum to 1 again."""
    kept = [each for each in several if each.weight >= _NEGLIGIBLE]
    total = sum(each.weight for each in kept)
    return [replace(each, weight=each.weight / total) for each in kept]


def _common(names: Sequence[str], pattern: Pattern) -> tuple[list[int], list[int]]:
    both = [name for name in pattern.features if name in names]
    return [names.index(name) for name in both], [pattern.features.index(name) for name in both]


def _spread(known: Sequence[tuple[int, Pattern]], names: Sequence[str], cold: Array) -> float:
    """The variance between tenants, in units of the cold prior's: of all blocks together, by how many gave each."""
    total = weight = 0.0
    for row, pattern in known:
        there, taken = _common(names, pattern)
        between = pattern.square - float(((pattern.mean[taken] ** 2 - pattern.error**2) * cold[row, there]).mean())
        total, weight = total + pattern.count * between, weight + pattern.count
    return min(max(total / weight if weight else 1.0, _LEAST_SPREAD), 1.0)
