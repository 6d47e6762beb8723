"""How wide the cold prior is by a tenant's own outcomes."""

import numpy as np
import pytest

from learning.model.posterior import Array, Batch, Posterior
from learning.model.prior import likelihood, under
from learning.model.widths import improved, prior_of, usual

pytestmark = pytest.mark.no_database

NAMES = ("bias", "s=a", "s=b", "s=c")
ACTIONS = 5


def memory(effects: Array, count: int, seed: int = 0) -> Posterior:
    """What so many outcomes tell where the actions differ by these deviations of their weights."""
    random = np.random.default_rng(seed)
    d = len(NAMES)
    truth = random.normal(size=(ACTIONS, d)) * effects
    found = Posterior(np.zeros((1 + ACTIONS, d)), np.full((1 + ACTIONS, d), 2.0), np.zeros((ACTIONS, d, d)))
    for _ in range(count // 100):
        x = np.hstack([np.ones((100, 1)), random.normal(size=(100, d - 1))])
        action = random.integers(0, ACTIONS, 100)
        rate = 1 / (1 + np.exp(-np.einsum("nd,nd->n", x, truth[action])))
        found = found.updated(Batch(x, action, (random.random(100) < rate).astype(float), np.ones(100)))
    return found


def settled(known: Posterior) -> Array:
    widths = usual(NAMES)
    for _ in range(30):
        widths = improved(widths, known, NAMES)
    return widths


def test_widths__without_outcomes__are_the_usual_ones() -> None:
    np.testing.assert_allclose(settled(memory(np.ones(4), 0)), usual(NAMES))


def test_widths__of_features_that_tell_actions_apart__grow_beyond_those_of_others() -> None:
    widths = settled(memory(np.array([1.0, 1.5, 0.0, 0.0]), 5000))

    assert widths[1, 1] > 5 * usual(NAMES)[1, 1]
    assert max(widths[1, 2:]) < widths[1, 1] / 3
    assert widths[0, 0] == usual(NAMES)[0, 0]  # there is one such weight, which tells nothing of its width


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("effects", [0.0, 0.3, 2.0])
def test_improved__each_step__keeps_to_its_bounds_and_the_outcomes_become_more_probable(
    effects: float, seed: int
) -> None:
    known = memory(np.full(4, effects), 1000, seed)

    def evidence(widths: Array) -> float:
        return under(prior_of(widths, ACTIONS), known.information, likelihood(known))[1]

    widths = settled(known)

    assert np.isfinite(widths).all()
    assert (widths >= 0.02 * usual(NAMES)).all()
    assert (widths <= 20 * usual(NAMES)).all()
    assert evidence(widths) > evidence(usual(NAMES)) - 0.5  # but for what the imagined weights hold
