"""What one tenant's model knows at one moment: the posterior, what its rows and columns stand for, and the scales.

A state is a value and never changes. It is kept by name: features and actions have a place that they got when they
first appeared, and whatever is new gets the cold prior. So a list that changes takes nothing away: a feature that left
the list is 0 from then on, which is exactly the model without it, and knows what it knew if it comes back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from learning.model import widths as evident
from learning.model.features import BIAS, LIMIT, REFERENCE, is_numeric
from learning.model.memory import Memories
from learning.model.posterior import Array, Batch, Posterior
from learning.model.prior import Expert, Pattern, experts, of_patterns, weighty

NOTHING = "nothing"  # the action that is always there

# The cold prior's precisions, in standardised units.
_SHARED_BIAS, _SHARED, _ACTION_BIAS, _ACTION = 0.5, 4.0, 2.0, 4.0

# Standardisation: what REFERENCE weighs in observations; how many a trait needs to count; how many are remembered.
_REFERENCE_WEIGHT, _NEEDED, _REMEMBERED = 20.0, 10.0, 10_000.0
_FARTHEST = 3.0  # standard deviations that a feature is taken for, at most
_PLACES = 2 * LIMIT


@dataclass(frozen=True)
class Example:
    """Features, the action taken, and `reward` successes in `trials` (see `Posterior.updated`)."""

    features: Mapping[str, float]
    action: str
    reward: float
    trials: float = 1.0


@dataclass(frozen=True)
class State:
    """One version of one tenant's model."""

    version: int
    features: tuple[str, ...]
    actions: tuple[str, ...]
    memories: Memories
    widths: Array  # (2, d): the cold prior's variances by evidence, of the shared block and of an action
    scales: Array  # (3, d): observations, mean and summed squares of the deviations of each numeric feature
    trials: Array  # (K)
    rewards: Array  # (K)
    patterns: Mapping[str, Pattern] = field(
        default_factory=dict
    )  # by block; the posterior itself knows nothing of them
    _extended: dict[tuple[tuple[str, ...], tuple[str, ...]], "State"] = field(default_factory=dict, repr=False)

    @classmethod
    def cold(cls) -> Self:
        """Before the first example, with no place taken."""
        none = np.zeros((1, 0))
        posterior = Posterior(mean=none, prior_precision=none, information=np.zeros((0, 0, 0)))
        widths = evident.usual(())
        return cls(0, (), (), Memories(posterior, posterior), widths, np.zeros((3, 0)), np.zeros(0), np.zeros(0))

    def with_patterns(self, patterns: Mapping[str, Pattern]) -> "State":
        """This state, to be read under the prior that these give."""
        return replace(self, patterns=patterns, _extended={})

    @property
    def posterior(self) -> Posterior:
        """Of the memory that lasts, under the cold prior of the usual widths."""
        return self.memories.lasting

    @cached_property
    def experts(self) -> list[Expert]:
        """Each posterior to decide by, with the probability to be the right one.

        They are of the memory that lasts, under the cold prior and the patterns', and of the recent memory.
        """
        if not self.features or not self.actions:
            return self._lasting
        (recent,) = experts(self.memories.recent, evident.prior_of(self.widths, len(self.actions)), None)
        weight = self.memories.recent_weight
        lasting = [replace(each, weight=(1 - weight) * each.weight) for each in self._lasting]
        return weighty([*lasting, replace(recent, name="recent", weight=weight)])

    @cached_property
    def _lasting(self) -> list[Expert]:
        """Of the memory that lasts."""
        if not self.features or not self.actions:
            return [Expert("cold", 1.0, self.posterior, np.zeros_like(self.posterior.mean))]
        full = None
        if self.patterns:
            usual = self.posterior.prior_precision
            full = of_patterns(self.patterns, names=self.features, actions=self.actions, cold=usual)
        return experts(self.posterior, evident.prior_of(self.widths, len(self.actions)), full)

    @cached_property
    def weights(self) -> Array:
        """The mean of the posterior over all priors, in the shape of `Posterior.mean`."""
        mean: Array = sum((one.weight * one.posterior.mean for one in self.experts), np.zeros_like(self.posterior.mean))
        return mean

    @property
    def pattern_weight(self) -> float:
        """The probability of the prior that the patterns give: a change of the world says nothing against them."""
        return sum(expert.weight for expert in self._lasting if expert.name == "full")

    def covering(self, features: Sequence[str], actions: Sequence[str]) -> "State":
        """This state with a place for all of these; the same predictions for those that had one."""
        wanted = tuple(features), tuple(actions)
        if set(self.features).issuperset(features) and set(self.actions).issuperset(actions):
            return self
        found = self._extended.get(wanted)
        if found is None:
            if len(self._extended) >= 4:
                self._extended.clear()
            found = self._extended[wanted] = self._with(*wanted)
        return found

    def _with(self, wanted_features: Sequence[str], wanted_actions: Sequence[str]) -> "State":
        features = tuple(dict.fromkeys((*self.features, *wanted_features)))
        actions = tuple(dict.fromkeys((*self.actions, *wanted_actions)))
        if len(features) > _PLACES:
            # The first to have left the list lose their place: the others are told what these were taken to weigh.
            spare = [name for name in features if name not in wanted_features][: len(features) - _PLACES]
            features = tuple(name for name in features if name not in spare)
        kept = [self.features.index(name) for name in features if name in self.features]
        old, k = len(kept), len(self.actions)
        prior = cold_precision(features, len(actions))
        widths = evident.usual(features)
        scales = np.column_stack([_first_scale(name) for name in features])
        if old:
            prior[: 1 + k, :old] = self.posterior.prior_precision[:, kept]
            widths[:, :old] = self.widths[:, kept]
            scales[:, :old] = self.scales[:, kept]
        more = len(actions) - k
        return replace(
            self,
            features=features,
            actions=actions,
            memories=replace(
                self.memories,
                lasting=_with_places(self.memories.lasting, kept, prior),
                recent=_with_places(self.memories.recent, kept, prior),
            ),
            widths=widths,
            scales=scales,
            trials=np.append(self.trials, np.zeros(more)),
            rewards=np.append(self.rewards, np.zeros(more)),
            _extended={},
        )

    def vector(self, features: Mapping[str, float]) -> Array:
        """Standardised and in place: 0 for what is unknown."""
        x: Array = self._standardised(self._raw([features]))[0]
        return x

    def _raw(self, several: Sequence[Mapping[str, float]]) -> Array:
        return np.array([[features.get(name, np.nan) for name in self.features] for features in several])

    def _standardised(self, raw: Array) -> Array:
        mean, deviation = self._standard
        standard = np.minimum(np.maximum((raw - mean) / deviation, -_FARTHEST), _FARTHEST)  # a third of np.clip's time
        return np.where(np.isnan(standard), 0.0, standard)

    @cached_property
    def _numeric(self) -> NDArray[np.bool_]:
        return np.array([is_numeric(name) for name in self.features], dtype=np.bool_)

    @cached_property
    def _standard(self) -> tuple[Array, Array]:
        """Means and standard deviations; infinite for a trait that is not known well enough or never differs."""
        count, mean, squares = self.scales
        with np.errstate(invalid="ignore", divide="ignore"):
            deviation = np.sqrt(squares / count)
        unknown = (count < _NEEDED) | ~(deviation > 1e-9 * (1 + np.abs(mean)))
        deviation = np.where(unknown, np.inf, deviation)
        return np.where(self._numeric, mean, 0.0), np.where(self._numeric, deviation, 1.0)

    def learned(self, examples: Sequence[Example], features: Sequence[str]) -> "State":
        """The next version: all `examples` folded as one batch. `features` is the tenant's present list."""
        state = self.covering(features, [NOTHING, *(example.action for example in examples)])
        places = {action: k for k, action in enumerate(state.actions)}
        action = np.array([places[example.action] for example in examples])
        reward = np.array([example.reward for example in examples])
        trials = np.array([example.trials for example in examples])
        raw = state._raw([example.features for example in examples])
        state = replace(state, scales=state._observed(raw[trials > 0]), _extended={})  # these users are known by now
        batch = Batch(state._standardised(raw), action, reward, trials)
        prior = evident.prior_of(state.widths, len(state.actions))
        memories = state.memories.learned(batch, prior, state.features.index(BIAS))
        return replace(
            state,
            version=self.version + 1,
            memories=memories,
            widths=evident.improved(state.widths, memories.lasting, state.features),
            trials=state.trials + np.bincount(action, trials, len(state.actions)),
            rewards=state.rewards + np.bincount(action, reward, len(state.actions)),
            _extended={},
        )

    def _observed(self, raw: Array) -> Array:
        """The scales after these users, by Chan, Golub & LeVeque's recurrence; a far outlier counts as a near one."""
        count, mean, squares = self.scales
        with np.errstate(invalid="ignore", divide="ignore"):
            reach = np.where((count >= _NEEDED) & (squares > 0), 2 * _FARTHEST * np.sqrt(squares / count), np.inf)
        raw = np.where(self._numeric, np.clip(raw, mean - reach, mean + reach), np.nan)
        there = ~np.isnan(raw)
        more = there.sum(axis=0)
        total = np.maximum(count + more, 1)
        their_mean = np.where(there, raw, 0).sum(axis=0) / np.maximum(more, 1)
        their_squares = (np.where(there, raw - their_mean, 0) ** 2).sum(axis=0)
        off = their_mean - mean
        squares = squares + their_squares + off**2 * count * more / total
        forgotten = np.minimum(1, _REMEMBERED / total)
        return np.vstack([(count + more) * forgotten, mean + off * more / total, squares * forgotten])


def cold_precision(features: Sequence[str], actions: int) -> Array:
    """The diagonals before any example: the shared block, then as many actions."""
    bias = np.array([name == BIAS for name in features])
    shared, action = np.where(bias, _SHARED_BIAS, _SHARED), np.where(bias, _ACTION_BIAS, _ACTION)
    return np.vstack([shared, *[action] * actions])


def _with_places(posterior: Posterior, kept: Sequence[int], prior: Array) -> Posterior:
    """With `prior`'s places, of which the first are those that are kept."""
    (rows, d), (k, old) = prior.shape, (len(posterior.information), len(kept))
    mean, information = np.zeros(prior.shape), np.zeros((rows - 1, d, d))
    if old:
        mean[: 1 + k, :old] = posterior.mean[:, kept]
        information[:k, :old, :old] = posterior.information[:, kept][:, :, kept]
    return Posterior(mean, prior, information)


def _first_scale(name: str) -> tuple[float, float, float]:
    if name not in REFERENCE:
        return (0.0, 0.0, 0.0)
    mean, deviation = REFERENCE[name]
    return (_REFERENCE_WEIGHT, mean, _REFERENCE_WEIGHT * deviation**2)
