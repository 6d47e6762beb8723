"""What is kept while lists, scales and versions change."""

from collections.abc import Sequence

import numpy as np
import pytest

from learning.model.packing import packed, unpacked
from learning.model.state import NOTHING, Example, State

pytestmark = pytest.mark.no_database

NAMES = ("bias", "traits.orders", "traits.plan=pro")
ACTIONS = (NOTHING, "at_points", "at_voucher")


def examples(count: int, seed: int = 0, actions: Sequence[str] = ACTIONS) -> list[Example]:
    """Points work where there are many orders, vouchers for the plan."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        orders, pro = float(random.poisson(20)), bool(random.random() < 0.4)
        action = str(random.choice(actions))
        rate = 0.2 + 0.4 * (action == "at_points" and orders > 20) + 0.4 * (action == "at_voucher" and pro)
        features = {"bias": 1.0, "traits.orders": orders} | ({"traits.plan=pro": 1.0} if pro else {})
        found.append(Example(features, action, float(random.random() < rate)))
    return found


def learned(count: int = 1000) -> State:
    state = State.cold()
    for start in range(0, count, 50):
        state = state.learned(examples(50, start), NAMES)
    return state


def logits(state: State, features: dict[str, float], actions: Sequence[str] = ACTIONS) -> tuple[np.ndarray, np.ndarray]:
    places = [state.actions.index(action) for action in actions]
    mean, covariance = state.posterior.logits(state.vector(features))
    return mean[places], covariance[np.ix_(places, places)]


USER = {"bias": 1.0, "traits.orders": 31.0, "traits.plan=pro": 1.0}


def test_learned__of_two_actions__knows_for_whom_each_is() -> None:
    state = learned()
    many, few = ({"bias": 1.0, "traits.orders": orders} for orders in (30.0, 10.0))

    assert ACTIONS[logits(state, many)[0].argmax()] == "at_points"
    assert ACTIONS[logits(state, few | {"traits.plan=pro": 1.0})[0].argmax()] == "at_voucher"
    assert state.trials.sum() == 1000
    assert state.version == 20


def test_covering__a_new_action__starts_at_the_prior_and_changes_no_other() -> None:
    state = learned()

    more = state.covering(NAMES, [*ACTIONS, "at_call"])

    for before, after in zip(logits(state, USER), logits(more, USER), strict=True):
        np.testing.assert_allclose(after, before, rtol=0, atol=1e-12)
    _, covariance = logits(more, USER, ["at_call", "at_points"])
    assert covariance[0, 0] > 10 * covariance[1, 1]
    np.testing.assert_allclose(more.posterior.mean[-1], 0)


def test_choice_of_candidates__without_a_retired_action__keeps_it_for_its_return() -> None:
    state = learned()
    kept = (NOTHING, "at_voucher")
    before = logits(state, USER, kept)

    later = state
    for seed in range(10):
        later = later.learned(examples(50, 9000 + seed, [NOTHING]), NAMES)

    assert later.actions == state.actions
    np.testing.assert_array_equal(later.posterior.information[1], state.posterior.information[1])
    np.testing.assert_allclose(logits(state.covering(NAMES, kept), USER, kept)[0], before[0], rtol=0, atol=0)


def test_covering__a_feature_that_left_the_list__leaves_the_rest_exactly_as_it_was() -> None:
    state = learned()
    without = {name: value for name, value in USER.items() if name != "traits.orders"}
    before = logits(state, without)

    shorter = state.covering(("bias", "traits.plan=pro"), ACTIONS)
    longer = state.covering(("bias", "traits.plan=pro", "traits.visits"), ACTIONS)

    for after in (shorter, longer):
        for was, now in zip(before, logits(after, without), strict=True):
            np.testing.assert_allclose(now, was, rtol=0, atol=1e-12)
        assert logits(after, USER)[0].tolist() == pytest.approx(
            logits(state, USER)[0].tolist()
        )  # it comes back knowing


def test_covering__a_list_in_another_order__changes_nothing() -> None:
    state = learned()

    turned = state.covering(NAMES[::-1], ACTIONS[::-1])

    assert turned is state


def test_covering__lists_without_end__stays_bounded_and_keeps_the_present_one() -> None:
    state = learned()
    for n in range(30):
        names = ("bias", "traits.plan=pro", *(f"traits.t{n}_{m}" for m in range(20)))
        state = state.learned([Example({"bias": 1.0, f"traits.t{n}_0": 1.0}, NOTHING, 1.0)], names)

        assert len(state.features) <= 64
        assert set(names) <= set(state.features)

    mean, covariance = logits(state, {"bias": 1.0, "traits.plan=pro": 1.0})
    assert ACTIONS[mean.argmax()] == "at_voucher"
    assert np.linalg.eigvalsh(covariance).min() > 0


def test_vector__unknown_features__are_zero() -> None:
    state = learned()

    assert state.vector({}).tolist() == [0, 0, 0]
    assert state.vector({"traits.nobody_declared": 5.0}).tolist() == [0, 0, 0]


def test_vector__of_a_trait_seen_too_rarely__is_zero_until_its_scale_is_known() -> None:
    few = State.cold().learned(
        [Example({"bias": 1.0, "traits.spend": 1e6 + n}, NOTHING, 1.0) for n in range(5)], ("bias", "traits.spend")
    )
    assert few.vector({"traits.spend": 5e6})[1] == 0

    enough = few.learned([Example({"bias": 1.0, "traits.spend": 1e6 + n}, NOTHING, 1.0) for n in range(9)], ())
    assert enough.vector({"traits.spend": 5e6})[1] == 3
    assert abs(enough.vector({"traits.spend": 1e6 + 4})[1]) < 1


def test_vector__standardised__by_what_was_seen() -> None:
    state = learned(3000)
    values = np.array([state.vector(example.features)[1] for example in examples(2000, 77)])

    assert abs(values.mean()) < 0.1
    assert values.std() == pytest.approx(1, abs=0.1)


def test_scales__over_batches__are_those_of_all_values_at_once() -> None:
    state, values = State.cold(), np.random.default_rng(6).uniform(-5, 40, 400)
    for batch in np.split(values, [1, 7, 50, 51, 300]):
        known = [Example({"bias": 1.0, "traits.n": float(value)}, NOTHING, 1.0) for value in batch]
        state = state.learned([*known, Example({"bias": 1.0}, NOTHING, 1.0)], ("bias", "traits.n"))

    count, mean, squares = state.scales[:, 1]
    assert (count, mean) == (400, pytest.approx(values.mean()))
    assert squares / count == pytest.approx(values.var())


def test_scales__an_outlier__counts_as_a_near_value() -> None:
    state = learned(500)
    before = state.vector({"traits.orders": 30.0})[1]

    state = state.learned([Example({"bias": 1.0, "traits.orders": 1e9}, NOTHING, 1.0)], NAMES)

    assert state.vector({"traits.orders": 30.0})[1] == pytest.approx(before, rel=0.1)


def test_vector__a_trait_that_is_always_the_same__is_zero() -> None:
    state = State.cold()
    for _ in range(50):
        state = state.learned([Example({"bias": 1.0, "traits.same": 0.1}, NOTHING, 1.0)], ("bias", "traits.same"))

    assert state.vector({"bias": 1.0, "traits.same": 0.1}).tolist() == [1, 0]


@pytest.mark.parametrize("value", [1e9, -1e9, 5e-324])
def test_learned__extreme_features__stay_finite_and_in_proportion(value: float) -> None:
    state = learned().learned([Example({"bias": 1.0, "traits.orders": value}, "at_points", 1.0)] * 20, NAMES)

    assert np.isfinite(state.posterior.mean).all()
    mean, covariance = logits(state, {"bias": 1.0, "traits.orders": value})
    assert np.abs(mean).max() < 10
    assert np.linalg.eigvalsh(covariance).min() > 0


def test_learned__a_hundred_thousand_examples_through_the_row__stay_positive_definite() -> None:
    """Rounded to float32 after each batch; a constant, and flags that add up to it, are the hardest to keep apart."""
    random = np.random.default_rng(5)
    names = ("bias", "s=a", "s=b", "s=c", "traits.x")
    state = State.cold()
    for _ in range(1000):
        batch = [
            Example(
                {"bias": 1.0, f"s={random.choice(['a', 'b', 'c'])}": 1.0, "traits.x": float(random.normal())},
                str(random.choice(ACTIONS)),
                float(random.random() < 0.3),
            )
            for _ in range(100)
        ]
        state = unpacked(packed(state.learned(batch, names)))

    assert state.trials.sum() == 100_000
    assert np.linalg.eigvalsh(state.posterior.own_covariance).min() > 0
    assert np.linalg.eigvalsh(state.posterior.shared_covariance).min() > 0
    rate = 1 / (1 + np.exp(-logits(state, {"bias": 1.0, "s=a": 1.0})[0]))
    np.testing.assert_allclose(rate, 0.3, atol=0.03)


def test_learned__far_more_than_is_remembered__follows_a_change() -> None:
    """A certainty that only ever grew would hold to the old truth for another 400,000 outcomes."""
    state = State.cold()
    for reward in [0.0] * 300 + [1.0] * 60:
        block = [Example({"bias": 1.0}, NOTHING, value) for value in [reward] * 900 + [1 - reward] * 100]
        state = state.learned(block, ("bias",))

    assert state.posterior.information[0, 0, 0] <= 10_000
    assert logits(state, {"bias": 1.0}, [NOTHING])[0] > 0


def test_packed__there_and_back__is_the_same_to_float32() -> None:
    state = learned()

    again = unpacked(packed(state))

    assert (again.version, again.features, again.actions) == (state.version, state.features, state.actions)
    np.testing.assert_array_equal(again.scales, state.scales)
    np.testing.assert_array_equal(again.trials, state.trials)
    np.testing.assert_allclose(again.posterior.information, state.posterior.information, rtol=1e-7, atol=1e-7)
    for before, after in zip(logits(state, USER), logits(again, USER), strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-6)


def test_packed__twice__loses_nothing_more() -> None:
    once = packed(learned())

    assert packed(unpacked(once)) == once


def test_packed__cold__is_empty_and_comes_back() -> None:
    assert unpacked(packed(State.cold())).features == ()
