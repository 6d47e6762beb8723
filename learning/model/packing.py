"""A state as the columns of its row, and back. float32 is what a row keeps; arithmetic is in float64."""

from typing import Any, NamedTuple

import numpy as np

from learning.model.posterior import Array, Posterior
from learning.model.state import State

_SMALL, _LARGE = np.dtype("<f4"), np.dtype("<f8")


class Columns(NamedTuple):
    """Of `models.ModelState`."""

    version: int
    features: list[str]
    actions: list[str]
    mean: bytes
    prior_precision: bytes
    information: bytes
    scales: bytes
    trials: list[float]
    rewards: list[float]


def packed(state: State) -> Columns:
    """The columns of `state`."""
    upper = np.triu_indices(len(state.features))
    return Columns(
        version=state.version,
        features=list(state.features),
        actions=list(state.actions),
        mean=state.posterior.mean.astype(_SMALL).tobytes(),
        prior_precision=state.posterior.prior_precision.astype(_SMALL).tobytes(),
        information=state.posterior.information[:, *upper].astype(_SMALL).tobytes(),
        scales=state.scales.astype(_LARGE).tobytes(),
        trials=state.trials.tolist(),
        rewards=state.rewards.tolist(),
    )


def unpacked(columns: Columns) -> State:
    """The state that these columns hold."""
    d, k = len(columns.features), len(columns.actions)
    information, upper = np.zeros((k, d, d)), np.triu_indices(d)
    information[:, *upper] = _read(columns.information, _SMALL).reshape(k, -1) if k else 0
    information.transpose(0, 2, 1)[:, *upper] = information[:, *upper]
    return State(
        version=columns.version,
        features=tuple(columns.features),
        actions=tuple(columns.actions),
        posterior=Posterior(
            mean=_read(columns.mean, _SMALL).reshape(1 + k, d),
            prior_precision=_read(columns.prior_precision, _SMALL).reshape(1 + k, d),
            information=information,
        ),
        scales=_read(columns.scales, _LARGE).reshape(3, d),
        trials=np.array(columns.trials, dtype=np.float64),
        rewards=np.array(columns.rewards, dtype=np.float64),
    )


def _read(data: Any, dtype: "np.dtype[Any]") -> Array:
    return np.frombuffer(data, dtype).astype(np.float64)
