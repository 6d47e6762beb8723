"""The mathematics, against bayesianbandits and against what must hold."""

import numpy as np
import pytest
from bayesianbandits import BayesianGLM, LaplaceApproximator

from learning.model.posterior import Array, Batch, Posterior

pytestmark = pytest.mark.no_database


def cold(actions: int, features: int, precision: float = 1.0) -> Posterior:
    shape = (1 + actions, features)
    return Posterior(np.zeros(shape), np.full(shape, precision), np.zeros((actions, features, features)))


def designed(x: Array, action: "np.typing.NDArray[np.intp]", actions: int) -> Array:
    """[x, action⊗x], as one long row an example."""
    return np.hstack([x, *(x * (action == k)[:, None] for k in range(actions))])


def full_precision(posterior: Posterior) -> Array:
    """The joint precision that the posterior stands for, built in full."""
    d = posterior.mean.shape[1]
    precision = np.diag(posterior.prior_precision.ravel())
    for k, told in enumerate(posterior.information):
        rows = np.ix_(*[[*range(d), *range((1 + k) * d, (2 + k) * d)]] * 2)
        precision[rows] += np.block([[told, told], [told, told]])
    return precision


@pytest.mark.parametrize("scale", [1.0, 10.0, 40.0])  # the larger ones make Newton steps overshoot
@pytest.mark.parametrize("precision", [0.5, 4.0])
def test_updated__against_bayesianbandits__is_the_same_posterior(scale: float, precision: float) -> None:
    """Up to a hundredth of a standard deviation: both stop short of the mode, each by a rule of its own."""
    random = np.random.default_rng(1)
    actions, d = 4, 6
    ours = cold(actions, d, precision)
    theirs = BayesianGLM(alpha=precision, approximator=LaplaceApproximator(n_iter=100, tol=1e-10))
    for batch in range(40):
        n = int(random.integers(1, 60))
        x, action = scale * random.normal(size=(n, d)), random.integers(0, actions, n)
        reward = random.random(n) if batch % 2 else (x[:, 0] * (-1) ** (batch > 20) > 0).astype(float)
        ours = ours.updated(Batch(x, action, reward, np.ones(n)))
        theirs.partial_fit(designed(x, action, actions), reward)

    upper = np.triu(theirs.cov_inv_)
    their_precision = upper + np.triu(upper, 1).T
    deviation = np.sqrt(np.diagonal(np.linalg.inv(their_precision)))
    assert (np.abs(ours.mean.ravel() - theirs.coef_) / deviation).max() < 0.01
    np.testing.assert_allclose(full_precision(ours), their_precision, rtol=0.01, atol=0.01 * precision)
    x = random.normal(size=d)
    rows = designed(np.tile(x, (actions, 1)), np.arange(actions), actions)
    mean, covariance = ours.logits(x)
    np.testing.assert_allclose(mean, rows @ ours.mean.ravel(), rtol=0, atol=1e-9)
    joint = np.linalg.inv(full_precision(ours))
    np.testing.assert_allclose(covariance, rows @ joint @ rows.T, rtol=0, atol=1e-9)
    np.testing.assert_allclose(ours.variances.ravel(), np.diagonal(joint), rtol=1e-6)


def test_updated__of_rare_rewards__ends_at_the_mode_with_its_curvature() -> None:
    """From a mean of 0, where the curvature is a quarter, one Newton step would be sure of far too high a rate."""
    x, action = np.ones((100, 1)), np.zeros(100, np.intp)
    reward = np.zeros(100)
    reward[:2] = 1

    after = cold(1, 1, 0.01).updated(Batch(x, action, reward, np.ones(100)))

    rate = after.foretold(Batch(x[:1], action[:1], reward[:1], np.ones(1)))[0]
    logit = after.logits(np.ones(1))[0][0]
    assert 1 / (1 + np.exp(-logit)) == pytest.approx(0.02, abs=0.002)
    assert after.information[0, 0, 0] == pytest.approx(100 * 0.02 * 0.98, rel=0.1)
    assert rate > 0.02  # what is not sure is less extreme


def test_updated__a_step_that_overshoots__is_halved() -> None:
    """Where the mean was sure and wrong the curvature is next to nothing, and a full Newton step goes far too far."""
    sure = Posterior(np.array([[30.0], [30.0]]), np.full((2, 1), 0.01), np.zeros((1, 1, 1)))
    batch = Batch(np.ones((50, 1)), np.zeros(50, np.intp), np.zeros(50), np.ones(50))

    after = sure.updated(batch)

    # The mode of −50 ln(1 + exp η) − 0.0025 (η − 60)², by bisection of its derivative.
    low, high = -60.0, 60.0
    for _ in range(100):
        middle = (low + high) / 2
        slope = -50 / (1 + np.exp(-middle)) - 0.005 * (middle - 60)
        low, high = (middle, high) if slope > 0 else (low, middle)
    assert after.logits(np.ones(1))[0][0] == pytest.approx(low, abs=0.05)


def test_updated__reward_that_comes_later__ends_near_where_it_would_have_at_once() -> None:
    """A difference is a reward without a trial: it moves the mean and adds no certainty."""
    random = np.random.default_rng(2)
    x, action, trials = random.normal(size=(200, 4)), random.integers(0, 3, 200), np.ones(200)
    reward = np.round(random.random(200))

    at_once = cold(3, 4).updated(Batch(x, action, reward, trials))
    first = cold(3, 4).updated(Batch(x, action, reward / 2, trials))
    later = first.updated(Batch(x, action, reward / 2, np.zeros(200)))

    def far(found: Posterior) -> float:
        return float((np.abs(found.mean - at_once.mean) / np.sqrt(at_once.variances)).max())

    np.testing.assert_array_equal(later.information, first.information)
    assert far(later) < far(first) / 2


def test_updated__one_action__leaves_the_others_certainty_and_moves_what_they_share() -> None:
    x, action = np.ones((50, 1)), np.zeros(50, np.intp)
    before = cold(2, 1)

    after = before.updated(Batch(x, action, np.ones(50), np.ones(50)))

    mean, covariance = after.logits(np.ones(1))
    assert mean[0] > mean[1] > 0
    assert covariance[0, 0] < covariance[1, 1] < before.logits(np.ones(1))[1][1, 1]


@pytest.mark.parametrize("reward", [0.0, 1.0])
def test_updated__nothing_but_one_outcome__stays_finite_and_sure(reward: float) -> None:
    random = np.random.default_rng(3)
    posterior = cold(2, 3)
    for _ in range(500):
        x = random.normal(size=(20, 3))
        x[:, 0] = 1
        posterior = posterior.updated(Batch(x, random.integers(0, 2, 20), np.full(20, reward), np.ones(20)))

    mean, covariance = posterior.logits(np.array([1.0, 0.0, 0.0]))
    assert np.isfinite(posterior.mean).all()
    assert ((mean > 3) == bool(reward)).all()
    assert np.linalg.eigvalsh(covariance).min() > 0


def test_updated__with_all_its_weights_known__recovers_them() -> None:
    random = np.random.default_rng(4)
    truth = random.normal(size=(3, 4)) / 2
    posterior = cold(3, 4)
    for _ in range(400):
        x, action = random.normal(size=(50, 4)), random.integers(0, 3, 50)
        rate = 1 / (1 + np.exp(-np.einsum("nd,nd->n", x, truth[action])))
        posterior = posterior.updated(Batch(x, action, (random.random(50) < rate).astype(float), np.ones(50)))

    assert np.abs(posterior.mean[0] + posterior.mean[1:] - truth).max() < 0.15
