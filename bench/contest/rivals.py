"""The policies of the contest. A policy sees users and the rewards of what it chose, and nothing of the truth.

Each has one setting for all worlds: of those tried on tenants that are not in the contest (seeds from 10,000 on), the
one that captured most over all worlds (docs/learning.md).
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from bayesianbandits import Arm, ContextualAgent, NormalInverseGammaRegressor, ThompsonSampling
from numpy.typing import NDArray
from vowpalwabbit import Workspace

from learning.model.policy import choose
from learning.model.posterior import Array
from learning.model.state import NOTHING, Example, State

Chosen = NDArray[np.intp]
DRAWS = 200  # from which a rival's confidence is told


class Policy(Protocol):
    """Made for a tenant with these features, as many actions, and a seed."""

    def __init__(self, names: Sequence[str], actions: int, seed: int) -> None: ...

    def choose(self, x: Array) -> tuple[Chosen, Array | None]:
        """For each user an action, and the probability that it is the best one, of a policy that states it."""

    def learn(self, x: Array, chosen: Chosen, reward: Array) -> None:
        """What came of a batch."""


class Retivo:
    """The model as decisions use it: `choose` and `State.learned`."""

    def __init__(self, names: Sequence[str], actions: int, seed: int) -> None:
        self.names, self.seed, self.decisions = names, seed, 0
        self.actions = [NOTHING, *(f"at_{n}" for n in range(1, actions))]
        self.state = State.cold()

    def choose(self, x: Array) -> tuple[Chosen, Array | None]:
        chosen, confidence = np.zeros(len(x), np.intp), np.zeros(len(x))
        for n, row in enumerate(x):
            seed = f"{self.seed}/{self.decisions + n}"
            choice = choose(
                state=self.state, features=self._known(row), names=self.names, actions=self.actions, seed=seed
            )
            chosen[n], confidence[n] = choice.index, choice.confidence[choice.index]
        self.decisions += len(x)
        return chosen, confidence

    def learn(self, x: Array, chosen: Chosen, reward: Array) -> None:
        batch = [
            Example(self._known(row), self.actions[k], float(each))
            for row, k, each in zip(x, chosen, reward, strict=True)
        ]
        self.state = self.state.learned(batch, self.names)

    def _known(self, row: Array) -> dict[str, float]:
        return {name: value for name, value in zip(self.names, row.tolist(), strict=True) if value or "=" not in name}


class LinUCB:
    """Disjoint LinUCB (Li et al. 2010), α = 1. It does not draw, so it has no propensities."""

    alpha = 1.0

    def __init__(self, names: Sequence[str], actions: int, seed: int) -> None:
        d, self.random = len(names), np.random.default_rng([2, seed])
        self.told, self.rewards = np.array([np.eye(d)] * actions), np.zeros((actions, d))

    def choose(self, x: Array) -> tuple[Chosen, Array | None]:
        inverse = np.linalg.inv(self.told)
        expected = x @ np.einsum("kij,kj->ik", inverse, self.rewards)
        variance = np.einsum("kni,ni->nk", x @ inverse, x)
        bound = expected + self.alpha * np.sqrt(variance)
        # Who ties is drawn: the first batch would go to one action as a whole.
        return (bound + 1e-9 * self.random.random(bound.shape)).argmax(axis=1), None

    def learn(self, x: Array, chosen: Chosen, reward: Array) -> None:
        for row, k, each in zip(x, chosen, reward, strict=True):
            self.told[k] += np.outer(row, row)
            self.rewards[k] += each * row


class GreedyLinUCB(LinUCB):
    """α = 0.3."""

    alpha = 0.3


class SquareCB:
    """Vowpal Wabbit's SquareCB (Foster & Rakhlin 2020): a weight for each pair of a user's feature and an action."""

    settings = "--cb_explore_adf --squarecb --gamma_scale 30 --learning_rate 2 --quadratic ua --noconstant"

    def __init__(self, names: Sequence[str], actions: int, seed: int) -> None:
        self.model = Workspace(f"{self.settings} --quiet --random_seed {seed + 1}")
        self.actions = [f"|a {k}" for k in range(actions)]
        self.random = np.random.default_rng([2, seed])
        self.stated: list[float] = []

    def choose(self, x: Array) -> tuple[Chosen, Array | None]:
        chosen = np.zeros(len(x), np.intp)
        self.stated = []
        for n, row in enumerate(x):
            propensity = np.array(self.model.predict([self._shared(row), *self.actions]))
            chosen[n] = self.random.choice(len(propensity), p=propensity / propensity.sum())
            self.stated.append(float(propensity[chosen[n]]))
        return chosen, None

    def learn(self, x: Array, chosen: Chosen, reward: Array) -> None:
        for row, k, each, propensity in zip(x, chosen, reward, self.stated, strict=True):
            actions = self.actions.copy()
            actions[k] = f"0:{-each:g}:{propensity:g} {actions[k]}"
            self.model.learn([self._shared(row), *actions])

    def _shared(self, row: Array) -> str:
        return "shared |u " + " ".join(f"{n}:{value:.5g}" for n, value in enumerate(row.tolist()) if value)


class BayesianBandits:
    """Thompson sampling by `bayesianbandits`: a linear regression for each action.

    Logistic ones (`BayesianGLM`) captured less, whatever their prior.
    """

    def __init__(self, names: Sequence[str], actions: int, seed: int) -> None:
        arms = [Arm(k, learner=NormalInverseGammaRegressor(lam=3.0, a=1.0, b=0.1)) for k in range(actions)]
        self.agent = ContextualAgent(arms, ThompsonSampling(), random_seed=seed)

    def choose(self, x: Array) -> tuple[Chosen, Array | None]:
        chosen = np.array(self.agent.pull(x), np.intp)
        best = np.array([arm.sample(x, DRAWS) for arm in self.agent.arms]).argmax(axis=0)
        return chosen, (best == chosen).mean(axis=0)

    def learn(self, x: Array, chosen: Chosen, reward: Array) -> None:
        for k in np.unique(chosen):
            rows = chosen == k
            self.agent.select_for_update(int(k)).update(x[rows], reward[rows])


class BetaCounters:
    """Thompson sampling on a Beta counter per action and segment; a segment is what all categories together say."""

    def __init__(self, names: Sequence[str], actions: int, seed: int) -> None:
        self.categories = ["=" in name for name in names]
        self.actions, self.random = actions, np.random.default_rng([2, seed])
        self.counters: dict[bytes, Array] = {}

    def choose(self, x: Array) -> tuple[Chosen, Array | None]:
        counters = np.array([self._of(row) for row in x])
        drawn = self.random.beta(counters[..., 0], counters[..., 1], size=(DRAWS, *counters.shape[:2]))
        best = drawn.argmax(axis=2)
        return best[0], (best[1:] == best[0]).mean(axis=0)

    def learn(self, x: Array, chosen: Chosen, reward: Array) -> None:
        for row, k, each in zip(x, chosen, reward, strict=True):
            self._of(row)[k] += (each, 1 - each)

    def _of(self, row: Array) -> Array:
        """(actions, 2): successes and failures, and one of each."""
        return self.counters.setdefault(row[self.categories].tobytes(), np.ones((self.actions, 2)))


OURS = "retivo"
POLICIES: dict[str, type[Policy]] = {
    OURS: Retivo,
    "linucb-0.3": GreedyLinUCB,
    "linucb-1": LinUCB,
    "vw-squarecb": SquareCB,
    "bayesianbandits": BayesianBandits,
    "beta-counters": BetaCounters,
}
