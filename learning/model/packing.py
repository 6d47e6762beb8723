"""A state as the columns of its row, and back. float32 is what a row keeps; arithmetic is in float64."""

from typing import Any, NamedTuple

import numpy as np

from learning.model.memory import Memories
from learning.model.posterior import Array, Posterior
from learning.model.state import State
from learning.model.widths import usual

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
    recent_mean: bytes
    recent_information: bytes
    recent_weight: float
    widths: bytes


def packed(state: State) -> Columns:
    """The columns of `state`."""
    lasting, recent = state.memories.lasting, state.memories.recent
    return Columns(
        version=state.version,
        features=list(state.features),
        actions=list(state.actions),
        mean=_small(lasting.mean),
        prior_precision=_small(lasting.prior_precision),
        information=_small(_upper(lasting)),
        scales=state.scales.astype(_LARGE).tobytes(),
        trials=state.trials.tolist(),
        rewards=state.rewards.tolist(),
        recent_mean=_small(recent.mean),
        recent_information=_small(_upper(recent)),
        recent_weight=state.memories.recent_weight,
        widths=_small(state.widths),
    )


def unpacked(columns: Columns) -> State:
    """The state that these columns hold."""
    d = len(columns.features)
    precision = _read(columns.prior_precision, _SMALL).reshape(1 + len(columns.actions), d)
    lasting = _posterior(columns.mean, columns.information, precision)
    # A release that knew of one memory may have written the others' columns for fewer features and actions, or not.
    memories, widths = Memories(lasting, lasting), usual(columns.features)
    if len(columns.recent_mean) == len(columns.mean) and len(columns.widths) == _SMALL.itemsize * widths.size:
        recent = _posterior(columns.recent_mean, columns.recent_information, precision)
        memories = Memories(lasting, recent, columns.recent_weight)
        widths = _read(columns.widths, _SMALL).reshape(2, d)
    return State(
        version=columns.version,
        features=tuple(columns.features),
        actions=tuple(columns.actions),
        memories=memories,
        widths=widths,
        scales=_read(columns.scales, _LARGE).reshape(3, d),
        trials=np.array(columns.trials, dtype=np.float64),
        rewards=np.array(columns.rewards, dtype=np.float64),
    )


def _posterior(mean: bytes, upper: bytes, precision: Array) -> Posterior:
    rows, d = precision.shape
    information, there = np.zeros((rows - 1, d, d)), np.triu_indices(d)
    information[:, *there] = _read(upper, _SMALL).reshape(rows - 1, -1) if rows > 1 else 0
    information.transpose(0, 2, 1)[:, *there] = information[:, *there]
    return Posterior(_read(mean, _SMALL).reshape(rows, d), precision, information)


def _upper(memory: Posterior) -> Array:
    upper: Array = memory.information[:, *np.triu_indices(memory.mean.shape[1])]
    return upper


def _small(values: Array) -> bytes:
    return values.astype(_SMALL).tobytes()


def _read(data: Any, dtype: "np.dtype[Any]") -> Array:
    return np.frombuffer(data, dtype).astype(np.float64)
