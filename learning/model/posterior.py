"""The mathematics alone: a Gaussian posterior over the weights of a logistic regression, and its Laplace update.

An action k at features x succeeds with probability σ(x·(s + a_k)): s is shared by all actions, a_k is the action's own.
The prior is independent, with precisions λ_s and λ_k per weight. An example of action k with curvature c adds c·x·xᵀ to
that action's information H_k and touches s and a_k alone, so the joint precision over [s, a_1 … a_K] is an arrow:

    ⎡ Λ_s + Σ H_k   H_1         H_2        … ⎤        R_k = (Λ_k + H_k)⁻¹
    ⎢ H_1           Λ_1 + H_1              … ⎥        C   = Λ_s + Σ (Λ_k − Λ_k R_k Λ_k)
    ⎣ H_2                       Λ_2 + H_2  … ⎦

C is the shared block's precision once the others are integrated out, written so that nothing cancels. The matrix itself
is never built: K matrices of d × d are all there is to store and to invert. docs/learning.md derives it.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# As glm2's: a step is halved until the log-posterior does not fall, and given up after 21.
_HALVINGS = 21
_ROUNDING = 16 * float(np.finfo(np.float64).eps)
_LEAST_CURVATURE = 1e-10
# Newton's steps towards the mode of a batch, and the gain of the log-posterior below which they end.
_STEPS, _LEAST_GAIN = 25, 1e-6


class Batch(NamedTuple):
    """Examples: each `reward` successes of an action in `trials`, as `Posterior.updated` takes them."""

    x: Array  # (N, d)
    action: NDArray[np.intp]  # (N)
    reward: Array  # (N)
    trials: Array  # (N)


@dataclass(frozen=True)
class Posterior:
    """A value. Row 0 of `mean` and `prior_precision` is the shared block, row 1 + k is action k's."""

    mean: Array  # (1 + K, d)
    prior_precision: Array  # (1 + K, d): the diagonals of Λ_s and Λ_k
    information: Array  # (K, d, d): H_k, what the examples of action k told

    @cached_property
    def own_covariance(self) -> Array:
        """R_k: the covariance of a_k where s is known."""
        d = self.mean.shape[1]
        inverse = np.linalg.inv(self.information + self.prior_precision[1:, :, None] * np.eye(d))
        return (inverse + inverse.transpose(0, 2, 1)) / 2

    @cached_property
    def shared_covariance(self) -> Array:
        """C⁻¹: the covariance of s, whatever the a_k are."""
        own = self.prior_precision[1:]
        told = own[:, :, None] * self.own_covariance * own[:, None, :]
        inverse = np.linalg.inv(np.diag(self.prior_precision[0] + own.sum(axis=0)) - told.sum(axis=0))
        return (inverse + inverse.T) / 2

    def logits(self, x: Array) -> tuple[Array, Array]:
        """The mean (K) and covariance (K, K) of all actions' logits at `x`."""
        own = self.own_covariance @ x
        through_shared = self.prior_precision[1:] * own
        covariance = through_shared @ self.shared_covariance @ through_shared.T
        covariance.flat[:: len(covariance) + 1] += own @ x
        return (self.mean[0] + self.mean[1:]) @ x, covariance

    def prior_variances(self, x: Array) -> Array:
        """The variance (K) that each logit had before any example."""
        square: Array = x**2 @ (1 / self.prior_precision[0] + 1 / self.prior_precision[1:]).T
        return square

    @cached_property
    def variances(self) -> Array:
        """Of each weight, in the shape of `mean`."""
        # What is told of s + a_k moves a_k against s: the mean of a_k given s is −R_k H_k s.
        through_shared = np.eye(self.mean.shape[1]) - self.own_covariance * self.prior_precision[1:, None, :]
        own = np.einsum("kij,jl,kil->ki", through_shared, self.shared_covariance, through_shared, optimize=True)
        own += np.diagonal(self.own_covariance, axis1=1, axis2=2)
        return np.vstack([np.diagonal(self.shared_covariance), own])

    def foretold(self, batch: Batch) -> Array:
        """The probability (N) of success of each example: the logit's uncertainty moderates it (MacKay 1992)."""
        own = np.einsum("nij,nj->ni", self.own_covariance[batch.action], batch.x)
        through_shared = self.prior_precision[1 + batch.action] * own
        variance = np.einsum("ni,ij,nj->n", through_shared, self.shared_covariance, through_shared, optimize=True)
        variance += np.einsum("ni,ni->n", own, batch.x)
        return _rate(_logits(self.mean, batch) / np.sqrt(1 + np.pi * variance / 8))

    def solve(self, gradient: Array) -> Array:
        """The joint covariance times [Σ g_k, g_1 … g_K], for `gradient` g (K, d)."""
        own = np.einsum("kij,kj->ki", self.own_covariance, gradient)
        shared = self.shared_covariance @ (self.prior_precision[1:] * own).sum(axis=0)
        back = shared - np.einsum("kij,kj->ki", self.own_covariance, self.prior_precision[1:] * shared)
        return np.vstack([shared, own - back])

    def updated(self, batch: Batch) -> "Posterior":
        """The Laplace posterior of a batch of examples: the mode, and the curvature there.

        The log-likelihood of an example is reward·η − trials·log(1 + exp η), as of a binomial: `trials` is 1 for an
        outcome, and 0 for what is added to the reward of one that was folded before. Newton's method finds the mode;
        each step solves the working responses (Nelder & Wedderburn 1972).
        """
        before = _logits(self.mean, batch)
        mean, height = self.mean, self._height(self.mean, batch)
        for _ in range(_STEPS):
            logit = _logits(mean, batch)
            curvature = _curvature(logit, batch.trials)
            sharpened = replace(self, information=self._information(batch, curvature))
            pulls = batch.reward - batch.trials * _rate(logit) + curvature * (logit - before)
            step = self.mean + sharpened.solve(self._by_action(batch, pulls)) - mean
            for length in 0.5 ** np.arange(_HALVINGS):
                reached = self._height(mean + length * step, batch)
                if reached >= height - _ROUNDING * abs(height):
                    break
            else:
                break
            gained, mean, height = reached - height, mean + length * step, reached
            if gained < _LEAST_GAIN:
                break
        curvature = _curvature(_logits(mean, batch), batch.trials)
        return replace(self, mean=mean, information=self._information(batch, curvature))

    def _height(self, mean: Array, batch: Batch) -> float:
        """The log-posterior of a batch at `mean`, but for a constant."""
        logit, off = _logits(mean, batch), mean - self.mean
        both = off[0] + off[1:]
        distance = (self.prior_precision * off**2).sum() + np.einsum("ki,kij,kj->", both, self.information, both)
        return float(batch.reward @ logit - batch.trials @ np.logaddexp(0, logit) - distance / 2)

    def _information(self, batch: Batch, curvature: Array) -> Array:
        information = self.information.copy()
        for k in np.unique(batch.action):
            rows = batch.action == k
            information[k] += (batch.x[rows].T * curvature[rows]) @ batch.x[rows]
        return information

    def _by_action(self, batch: Batch, pulls: Array) -> Array:
        summed = np.zeros_like(self.mean[1:])
        np.add.at(summed, batch.action, batch.x * pulls[:, None])
        return summed


def _logits(mean: Array, batch: Batch) -> Array:
    """Of each example's action."""
    found: Array = np.einsum("nd,nd->n", batch.x, mean[0] + mean[1 + batch.action])
    return found


def _rate(logit: Array) -> Array:
    return np.exp(-np.logaddexp(0, -logit))


def _curvature(logit: Array, trials: Array) -> Array:
    rate = _rate(logit)
    return trials * np.maximum(rate * (1 - rate), _LEAST_CURVATURE)
