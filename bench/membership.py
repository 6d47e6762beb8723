"""The worst case of membership inference: who knows every tenant but one tells whether that one was in a release."""

import numpy as np

from learning.privacy import CLIP, FIXED_POINT, Mechanism, deviation

TENANTS, RELEASES = 100, 3000  # with the victim; releases each way


def advantage(mechanism: Mechanism, rho: float) -> float:
    """Hits minus false alarms of the best test there is; the victim's vector is as long as one can be."""
    random = np.random.default_rng(0)
    victim = random.normal(size=12)
    victim = np.trunc(victim / np.linalg.norm(victim) * CLIP * FIXED_POINT).astype(int)
    others = np.trunc(random.normal(0, 0.3, (TENANTS - 1, 12)) * FIXED_POINT).astype(int).sum(axis=0)
    scale = deviation(rho) * FIXED_POINT

    def suspected(sums: list[int]) -> bool:
        release = np.array(mechanism(sums, scale)) - others
        return bool(release @ victim > victim @ victim / 2)

    hits = np.mean([suspected((others + victim).tolist()) for _ in range(RELEASES)])
    false_alarms = np.mean([suspected(others.tolist()) for _ in range(RELEASES)])
    return float(hits - false_alarms)
