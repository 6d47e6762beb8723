"""Data sets that scikit-learn carries, as worlds: an action is a class, and succeeds if the row is of that class."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from bench.contest.worlds import World
from learning.model.features import BIAS, LIMIT
from learning.model.posterior import Array


def digits(seed: int, decisions: int) -> World:
    """10 actions; 64 pixels reduced to the 31 numbers that the model has place for."""
    return _world(datasets.load_digits, seed, decisions)


def breast_cancer(seed: int, decisions: int) -> World:
    """2 actions, 30 numbers."""
    return _world(datasets.load_breast_cancer, seed, decisions)


def wine(seed: int, decisions: int) -> World:
    """3 actions, 13 numbers."""
    return _world(datasets.load_wine, seed, decisions)


def _world(load: Callable[[], Any], seed: int, decisions: int) -> World:
    """Rows drawn with replacement; the rates are 0 and 1, so the luck decides nothing."""
    x, label = _loaded(load)
    random = np.random.default_rng([8, seed])
    row = random.integers(0, len(x), decisions)
    names = (BIAS, *(f"traits.n{n}" for n in range(x.shape[1] - 1)))
    return World(names, x[row], np.eye(label.max() + 1)[label[row]], random.random(decisions))


@cache
def _loaded(load: Callable[[], Any]) -> tuple[Array, NDArray[np.intp]]:
    found = load()
    x = found.data
    if x.shape[1] >= LIMIT:
        x = PCA(LIMIT - 1, random_state=0).fit_transform(x)
    return np.hstack([np.ones((len(x), 1)), StandardScaler().fit_transform(x)]), found.target
