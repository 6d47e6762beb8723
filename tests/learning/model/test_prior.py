"""Other priors in the cold one's place, how they are weighed, and what a pattern makes of a prior."""

import numpy as np
import pytest

from bench import population
from bench.contest.worlds import NAMES as FEATURES
from learning.model.policy import choose
from learning.model.posterior import Array, Batch, Posterior
from learning.model.prior import SHARED, Expert, Pattern, Prior, experts, likelihood, of_patterns, under, unnamed
from learning.model.state import NOTHING, Example, State
from learning.model.widths import usual
from learning.patterns import privacy
from learning.patterns import statistic as patterns

pytestmark = pytest.mark.no_database

D, K = 3, 2


def _joint(matrices: Array, precision: Array) -> Array:
    """The arrow matrix that the model never builds."""
    joint = np.diag(precision.ravel())
    for k, told in enumerate(matrices, start=1):
        for row in (0, k):
            for column in (0, k):
                joint[row * D : (row + 1) * D, column * D : (column + 1) * D] += told
    return joint


@pytest.fixture
def learned() -> Posterior:
    random = np.random.default_rng(1)
    posterior = Posterior(np.zeros((1 + K, D)), random.uniform(0.5, 4, (1 + K, D)), np.zeros((K, D, D)))
    for _ in range(3):
        x = np.hstack([np.ones((40, 1)), random.normal(size=(40, D - 1))])
        action, reward = random.integers(0, K, 40), (random.random(40) < 0.3).astype(float)
        posterior = posterior.updated(Batch(x, action, reward, np.ones(40)))
    return posterior


@pytest.fixture
def other() -> Prior:
    random = np.random.default_rng(2)
    return Prior(random.normal(0, 1, (1 + K, D)), random.uniform(1, 20, (1 + K, D)))


def test_under__the_prior_it_was_learned_with__is_the_posterior_itself(learned: Posterior) -> None:
    same, _ = under(Prior(np.zeros((1 + K, D)), learned.prior_precision), learned.information, likelihood(learned))

    np.testing.assert_allclose(same.mean, learned.mean, atol=1e-12)


def test_under__another_prior__is_bayes_rule_on_the_joint_matrix(learned: Posterior, other: Prior) -> None:
    linear = likelihood(learned)
    found, evidence = under(other, learned.information, linear)

    joint = _joint(learned.information, other.precision)
    told = np.concatenate([linear.sum(axis=0), linear.ravel()])
    right = other.precision.ravel() * other.mean.ravel() + told
    mean = np.linalg.solve(joint, right)
    np.testing.assert_allclose(found.mean.ravel(), mean, atol=1e-10)
    # ln ∫ N(w; m₀, Λ⁻¹) exp(−½ wᵀHw + hᵀw) dw
    start = (other.precision * other.mean**2).sum()
    expected = (np.log(other.precision).sum() - np.linalg.slogdet(joint)[1] + right @ mean - start) / 2
    assert evidence == pytest.approx(expected, abs=1e-10)


def test_experts__before_any_outcome__have_the_weights_they_are_given(other: Prior) -> None:
    cold = Posterior(np.zeros((1 + K, D)), np.ones((1 + K, D)), np.zeros((K, D, D)))
    usual = Prior(cold.mean, cold.prior_precision)

    found = {expert.name: expert.weight for expert in experts(cold, usual, other)}

    assert found == pytest.approx({"cold": 0.05, "unnamed": 0.25, "full": 0.7})


def test_unnamed__of_a_prior__gives_every_action_the_same_and_no_more_than_the_cold_ones_certainty(
    other: Prior,
) -> None:
    cold = Prior(np.zeros((1 + K, D)), np.ones((1 + K, D)))

    found = unnamed(other, cold)

    np.testing.assert_array_equal(found.mean[1], found.mean[2])
    np.testing.assert_array_equal(found.mean[0], other.mean[0])
    assert (found.precision[1:] <= np.maximum(other.precision[1:].max(axis=0), 1)).all()
    assert (found.precision[1:] >= 1).all()


# --- Patterns -------------------------------------------------------------------------------------------------------

NAMES = ("bias", "traits.a")
COLD = np.array([[0.5, 4.0], [2.0, 4.0], [2.0, 4.0]])


def _pattern(mean: list[float], error: float, square: float = 1.0) -> Pattern:
    return Pattern(NAMES, 100.0, np.array(mean), error, square)


def test_prior__of_a_pattern_that_is_all_noise__is_the_cold_one() -> None:
    found = of_patterns({SHARED: _pattern([3.0, 3.0], 1e4)}, names=NAMES, actions=["at_1", "at_2"], cold=COLD)

    np.testing.assert_allclose(found.mean, 0, atol=1e-6)
    np.testing.assert_allclose(found.precision, COLD)


def test_prior__of_a_pattern_without_noise__is_its_mean_with_the_spread_between_tenants() -> None:
    mean = [0.6, -0.2]
    # Tenants' squares are those of the mean and a tenth of the cold prior's variance.
    square = float((np.square(mean) * COLD[1]).mean()) + 0.1
    found = of_patterns({"at_2": _pattern(mean, 1e-9, square)}, names=NAMES, actions=["at_1", "at_2"], cold=COLD)

    np.testing.assert_allclose(found.mean, np.vstack([np.zeros((2, 2)), mean]), atol=1e-9)
    np.testing.assert_allclose(found.precision, COLD * np.array([[1], [1], [10]]), rtol=1e-6)


def test_prior__of_a_feature_that_the_pattern_lacks__stays_cold() -> None:
    found = of_patterns(
        {"at_1": _pattern([0.6, -0.2], 1e-9)}, names=("bias", "traits.b"), actions=["at_1", "at_2"], cold=COLD
    )

    assert found.mean[1] == pytest.approx([0.6, 0.0])
    assert found.precision[1, 1] == 4.0


@pytest.mark.parametrize(("scale", "blocks"), [(1e-3, 6), (1.0, 6), (1e5, 6), (1e5, 1000)])
def test_clipped__whatever_is_given__is_no_longer_than_the_clip(scale: float, blocks: int) -> None:
    for seed in range(50):
        given = np.random.default_rng(seed).normal(0, scale, (blocks, 15))
        found = patterns.clipped(given)
        assert sum(int(value) ** 2 for value in found.ravel()) <= (2 * privacy.FIXED_POINT) ** 2
        # The direction stays, and so does every quotient.
        assert found.ravel() @ given.ravel() / np.linalg.norm(found) / np.linalg.norm(given) > 0.99


def test_statistic__of_a_state__is_its_own_outcomes_whatever_patterns_it_is_read_under() -> None:
    state = State.cold().learned([Example({"bias": 1.0, "recency": 2.0}, "at_1", 1.0)] * 20, patterns.FEATURES)
    warm = state.with_patterns({SHARED: _pattern([1.0, 1.0], 0.1)})

    np.testing.assert_array_equal(patterns.statistic(warm), patterns.statistic(state))
    given = dict(zip((SHARED, *state.actions), patterns.statistic(state), strict=True))
    assert given[NOTHING].tolist() == [0.0] * 15  # never tried: not even its prior is told
    assert given["at_1"][0] == pytest.approx(0.7 * 20 / 50)


def test_pattern__of_a_count_within_the_noise__is_none() -> None:
    deviation = privacy.deviation(privacy.rho_of(1.0))
    sums = [round(value * privacy.FIXED_POINT) for value in (1.9 * deviation, 1.0, *[0.5] * 13)]

    assert patterns.pattern(sums, deviation) is None
    sums[0] = round(2.1 * deviation * privacy.FIXED_POINT)
    assert patterns.pattern(sums, deviation) is not None


# --- Starts ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found() -> dict[str, Pattern]:
    people = population.population(0)
    return population.released([population.given(people, seed) for seed in range(300)], 1.0, 0)


def test_choice__of_a_new_merchant__is_by_the_pattern_and_says_so(found: dict[str, Pattern]) -> None:
    def chosen(state: State) -> tuple[float, float, float]:
        choice = choose(state=state, features={"bias": 1.0}, names=FEATURES, actions=population.ACTIONS, seed="1")
        return max(choice.confidence), choice.pattern_weight, min(choice.prior_share)

    sure, weight, share = chosen(State.cold().with_patterns(found))
    assert sure > 0.5
    assert weight == pytest.approx(0.7)
    assert share == pytest.approx(1.0)
    assert chosen(State.cold())[1:] == pytest.approx((0.0, 1.0))
    assert chosen(State.cold())[0] < 0.3


def test_weight__of_the_right_pattern__rises_and_of_a_wrong_one__falls(found: dict[str, Pattern]) -> None:
    people = population.population(0)
    world = population.merchant(people, 10**6, 400)
    random = np.random.default_rng(0)
    examples = [
        Example(population.features(x), population.ACTIONS[k], float(luck < rates[k]))
        for x, rates, luck, k in zip(world.x, world.rates, world.luck, random.integers(0, 5, 400), strict=True)
    ]

    def weights(patterns: dict[str, Pattern]) -> list[float]:
        state, seen = State.cold().with_patterns(patterns), []
        for start in range(0, 400, 100):
            state = state.learned(examples[start : start + 100], FEATURES)
            seen.append(state.pattern_weight)
        return seen

    assert weights(found)[-1] > 0.95
    assert weights(population.permuted(found))[-1] < 0.05


def test_experts__of_a_state_without_places_or_of_patterns_of_other_features__are_cold(
    found: dict[str, Pattern],
) -> None:
    assert State.cold().with_patterns(found).pattern_weight == 0
    elsewhere = State.cold().with_patterns(found).covering(["traits.z"], ["at_1", "at_2"])
    assert all((expert.posterior.mean == 0).all() for expert in elsewhere.experts)


def test_experts__of_a_state_without_patterns__are_of_the_cold_prior_alone() -> None:
    state = State.cold().covering(NAMES, [NOTHING])

    (only,) = state.experts

    assert isinstance(only, Expert)
    assert (only.name, only.weight) == ("cold", 1.0)
    np.testing.assert_allclose(1 / only.posterior.prior_precision, usual(NAMES))
    assert state.pattern_weight == 0
