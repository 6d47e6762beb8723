"""What a tenant's state adds to a release, and what a release's noisy sums say of the population.

A block is the shared one or an action's. Of each a tenant gives [c, c·q, c·m]: how much it knows of the block (0 to 1),
the mean square of its weights in units of the cold prior's, and the weights. All of a tenant's blocks are one vector,
which is shortened to the length CLIP: c with m, so that what the shortening takes off the one it takes off the other,
and their quotient stays what it was.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from learning.model.features import BUILT_IN
from learning.model.posterior import Array
from learning.model.prior import COUNTED, Pattern
from learning.model.state import State
from learning.patterns.privacy import FIXED_POINT, WITHIN

FEATURES = BUILT_IN  # what all tenants have; what one declared never leaves it
WELL_TRIED = 50.0  # outcomes after which an action's weights count in full

_SQUARE = 0.25  # so that the square does not outweigh the weights, as COUNTED for the count
_SURE = 2.0  # standard deviations that a count has to be above 0


def statistic(state: State, features: Sequence[str] = FEATURES) -> Array:
    """What a tenant with this state adds, before it is shortened: a row for the shared block and for each action.

    It is of the tenant's own outcomes alone: the state's posterior stands under the cold prior, whatever patterns it is
    read under, so no release feeds on an earlier one.
    """
    state = state.covering(features, [])
    places = [state.features.index(name) for name in features]
    mean = state.posterior.mean[:, places]
    precision = state.posterior.prior_precision[:, places]
    known = np.minimum(np.append(state.trials.sum(), state.trials) / WELL_TRIED, 1.0)[:, None]
    square = (mean**2 * precision).mean(axis=1, keepdims=True)
    return np.hstack([COUNTED * known, _SQUARE * known * square, known * mean])


def clipped(given: Array) -> NDArray[np.int64]:
    """In fixed point, with the length CLIP at most, as the function `contribute` does it in the database.

    Towards zero: no rounding makes it longer.
    """
    length = float(np.sqrt((given**2).sum()))
    factor = min(1.0, WITHIN / length) if length else 1.0
    return np.trunc(given * factor * FIXED_POINT).astype(np.int64)


def pattern(noisy: Sequence[int], deviation: float, features: Sequence[str] = FEATURES) -> Pattern | None:
    """What these noisy sums of one block say; None where the count is not surely above the noise.

    Args:
        deviation: of the noise on each sum, as `privacy.deviation` says it.
    """
    count, square, *weights = (value / FIXED_POINT for value in noisy)
    if count < _SURE * deviation:
        return None
    tenants = count / COUNTED
    return Pattern(
        tuple(features), tenants, np.array(weights) / tenants, deviation / tenants, square / _SQUARE / tenants
    )
