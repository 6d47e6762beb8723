"""The worst case of membership inference: who knows every tenant but one tells whether that one was in a release."""

import numpy as np

from learning.patterns import statistic as patterns
from learning.patterns.privacy import CLIP, FIXED_POINT, Mechanism, noisy

TENANTS, RELEASES = 100, 3000  # with the victim; releases each way
COORDINATES = 12


def advantage(mechanism: Mechanism, rho: float) -> float:
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

    def suspected(sums: list[int]) -> bool:
        release = np.array(noisy(sums, rho, mechanism)) - others
        return bool(release @ victim > victim @ victim / 2)

    hits = np.mean([suspected((others + victim).tolist()) for _ in range(RELEASES)])
    false_alarms = np.mean([suspected(others.tolist()) for _ in range(RELEASES)])
    return float(hits - false_alarms)
