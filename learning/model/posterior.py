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

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# As glm2's: a step is halved until the log-posterior does not fall, and given up after 21.
_HALVINGS = 21
_ROUNDING = 16 * float(np.finfo(np.float64).eps)
_LEAST_CURVATURE = 1e-10


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

    def solve(self, gradient: Array) -> Array:
        """The joint covariance times [Σ g_k, g_1 … g_K], for `gradient` g (K, d)."""
        own = np.einsum("kij,kj->ki", self.own_covariance, gradient)
        shared = self.shared_covariance @ (self.prior_precision[1:] * own).sum(axis=0)
        back = shared - np.einsum("kij,kj->ki", self.own_covariance, self.prior_precision[1:] * shared)
        return np.vstack([shared, own - back])

    def updated(self, x: Array, action: NDArray[np.intp], reward: Array, trials: Array) -> "Posterior":
        """One Newton step from this posterior's mean towards the mode that a batch of examples gives it.

        An example is `reward` successes in `trials`, with the log-likelihood reward·η − trials·log(1 + exp η) of a
        binomial: `trials` is 1 for an outcome, and 0 for what is added to the reward of one that was folded before.
        """
        logit = np.einsum("nd,nd->n", x, self.mean[0] + self.mean[1 + action])
        rate = np.exp(-np.logaddexp(0, -logit))
        curvature = trials * np.maximum(rate * (1 - rate), _LEAST_CURVATURE)
        information, gradient = self.information.copy(), np.zeros_like(self.mean[1:])
        for k in np.unique(action):
            rows = action == k
            information[k] += (x[rows].T * curvature[rows]) @ x[rows]
            gradient[k] = x[rows].T @ (reward - trials * rate)[rows]
        sharpened = Posterior(self.mean, self.prior_precision, information)
        step = sharpened.solve(gradient)
        along = np.einsum("nd,nd->n", x, step[0] + step[1 + action])
        both = step[0] + step[1:]
        distance = (self.prior_precision * step**2).sum() + np.einsum("ki,kij,kj->", both, self.information, both)

        def likelihood(eta: Array) -> float:
            return float(reward @ eta - trials @ np.logaddexp(0, eta))

        before = likelihood(logit)
        for length in 0.5 ** np.arange(_HALVINGS):
            if likelihood(logit + length * along) - length**2 * distance / 2 >= before - _ROUNDING * abs(before):
                return Posterior(self.mean + length * step, self.prior_precision, information)
        return sharpened
