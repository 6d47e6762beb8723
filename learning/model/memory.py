"""Two memories of one tenant's outcomes: one that lasts, and a recent one that forgets.

Where the world stays as it is, the first knows more. Where it changes, the recent one soon foretells the outcomes
better. Each batch is foretold by both before they learn it, and its likelihood says how probable it is that only the
recent one is right (Bayes' rule, with a small share for a change at any outcome: Herbster & Warmuth 1998). When that
is as good as sure, the recent memory takes the other's place.
"""

from dataclasses import dataclass, replace

import numpy as np

from learning.model.posterior import Batch, Posterior
from learning.model.prior import Prior, likelihood, under

CHANGE = 0.001  # the probability of a change within PACE outcomes, and where the recent memory's begins
PACE = 20.0
_HALF_LIFE = 250.0  # of the recent memory, in outcomes
_SURE = 0.99
_FARTHEST = 30.0  # of the logarithm of the odds
# How much an action's information may add up to: that of 40,000 outcomes at a rate of a half, 500,000 at one of 2 %.
_MOST = 10_000.0


@dataclass(frozen=True)
class Memories:
    """Both, and the probability that the recent one alone is right."""

    lasting: Posterior
    recent: Posterior
    recent_weight: float = CHANGE

    def learned(self, batch: Batch, prior: Prior, bias: int) -> "Memories":
        """After a batch.

        Args:
            prior: what both are read under to foretell the batch.
            bias: the place of the feature that is always 1.
        """
        weight = self._recent_weight(batch, prior)
        recent = _forgetting(self.recent, 0.5 ** (batch.trials.sum() / _HALF_LIFE)).updated(batch)
        if weight > _SURE:
            return Memories(recent, recent)
        lasting = self.lasting.updated(batch)
        told = lasting.information[:, bias, bias]
        kept = np.minimum(1.0, _MOST / np.maximum(told, 1.0))
        lasting = replace(lasting, information=lasting.information * kept[:, None, None])  # less sure, of the same mean
        return Memories(lasting, recent, weight)

    def _recent_weight(self, batch: Batch, prior: Prior) -> float:
        lasting, recent = (_log_likelihood(memory, batch, prior) for memory in (self.lasting, self.recent))
        odds = np.log(self.recent_weight / (1 - self.recent_weight)) + recent - lasting
        after = float(1 / (1 + np.exp(-np.clip(odds, -_FARTHEST, _FARTHEST))))
        change = 1 - (1 - CHANGE) ** float(batch.trials.sum() / PACE)
        return float(np.clip((1 - change) * after + change * (1 - after), CHANGE, 1 - CHANGE))


def _forgetting(memory: Posterior, kept: float) -> Posterior:
    """As if its examples were the share `kept` of what they are; its mean goes back towards the prior's."""
    prior = Prior(np.zeros_like(memory.mean), memory.prior_precision)
    return under(prior, kept * memory.information, kept * likelihood(memory))[0]


def _log_likelihood(memory: Posterior, batch: Batch, prior: Prior) -> float:
    foretold = under(prior, memory.information, likelihood(memory))[0].foretold(batch)
    foretold = np.clip(foretold, 1e-9, 1 - 1e-9)
    return float(batch.reward @ np.log(foretold) + (batch.trials - batch.reward) @ np.log(1 - foretold))
