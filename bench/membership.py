"""The worst case of membership inference: who knows every tenant but one tells whether that one was in a release."""

import math
from collections.abc import Callable

import numpy as np
from django.db import connections
from numpy.typing import NDArray

from learning.patterns import privacy
from learning.patterns import statistic as patterns
from learning.patterns.privacy import CLIP, FIXED_POINT

TENANTS, RELEASES = 100, 3000  # with the victim; releases each way
COORDINATES = 4

# So many numbers of this variance, in fixed point.
Noise = Callable[[int, int], NDArray[np.int64]]


def advantage(noise: Noise, rho: float) -> float:
    """Hits minus false alarms of the best test there is (Neyman & Pearson's; for even odds, so of the two likelihoods).

    Who asks knows the victim's vector, which is as long as one can be, and the exact sum over all the others, and sees
    every noisy sum: more than is ever published of them.
    """
    random = np.random.default_rng(0)
    victim = patterns.clipped(random.normal(0, 100, (1, COORDINATES)))[0]
    assert np.linalg.norm(victim) > 0.99999 * CLIP * FIXED_POINT
    others = np.sum(
        [patterns.clipped(each)[0] for each in random.normal(0, 0.3, (TENANTS - 1, 1, COORDINATES))], axis=0
    )
    variance = math.ceil((privacy.deviation(rho) * FIXED_POINT) ** 2)

    def suspected(exact: NDArray[np.int64]) -> float:
        released = exact + noise(variance, RELEASES * COORDINATES).reshape(RELEASES, COORDINATES)
        return float(np.mean((released - others) @ victim > victim @ victim / 2))

    return suspected(others + victim) - suspected(others)


def of_database(variance: int, count: int) -> NDArray[np.int64]:
    """The noise of a release, as the tables' owner may draw it."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT discrete_gaussian(%s) FROM generate_series(1, %s)", [variance, count])
        return np.array([drawn for (drawn,) in cursor.fetchall()])
