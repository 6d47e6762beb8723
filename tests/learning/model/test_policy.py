"""The two numbers, the draw, and what is said about it."""

from typing import Any

import numpy as np
import pytest

from learning.model.policy import EXPLORATION, FLOOR, Choice, best_probabilities, choose, draw, points_for
from learning.model.posterior import Array
from learning.model.state import NOTHING, Example, State
from tests.learning.model.test_state import ACTIONS, NAMES, examples, learned

pytestmark = pytest.mark.no_database

USER = {"bias": 1.0, "traits.orders": 24.0}


@pytest.fixture(scope="module")
def state() -> State:
    return learned(200)


def choice(state: State, seed: str = "dec_1", **fields: Any) -> Choice:
    given: dict[str, Any] = {"features": USER, "names": NAMES, "actions": ACTIONS} | fields
    return choose(state=state, seed=seed, **given)


def by_many_draws(mean: Array, covariance: Array) -> Array:
    drawn = np.random.default_rng(0).multivariate_normal(mean, covariance, 2_000_000)
    return np.bincount(drawn.argmax(axis=1), minlength=len(mean)) / len(drawn)


@pytest.mark.parametrize("actions", [2, 3, 6, 11, 50])
def test_best_probabilities__against_two_million_draws__are_right_to_a_hundredth(actions: int) -> None:
    random = np.random.default_rng(actions)
    root = random.normal(size=(actions, actions)) / 4
    mean, covariance = random.normal(size=actions) / 3, root @ root.T + 0.05 * np.eye(actions)

    plain, halved = best_probabilities(mean, covariance, (1.0, 0.5))

    np.testing.assert_allclose(plain, by_many_draws(mean, covariance), atol=0.01)
    np.testing.assert_allclose(halved, by_many_draws(mean, covariance / 2), atol=0.01)
    assert plain.sum() == pytest.approx(1)


def test_best_probabilities__of_fifty_alike__are_a_fiftieth_each() -> None:
    covariance = 0.5 * np.eye(50) + 0.5

    (found,) = best_probabilities(np.zeros(50), covariance, (1.0,))

    np.testing.assert_allclose(found, 1 / 50, atol=0.006)


@pytest.mark.parametrize(("weight", "points"), [(1.0, 2048), (0.6, 2048), (0.5, 1024), (0.3, 1024), (0.02, 256)])
def test_points_for__experts__are_as_many_as_their_weight(weight: float, points: int) -> None:
    assert points_for(weight) == points


def test_choice__propensity__is_the_floored_probability_under_less_covariance(state: State) -> None:
    made = choice(state)
    (expert,) = state.experts
    places = [state.actions.index(action) for action in ACTIONS]
    mean, covariance = expert.posterior.logits(state.vector(USER))
    mean, covariance = mean[places], covariance[np.ix_(places, places)]

    explored = by_many_draws(mean, covariance * EXPLORATION)
    np.testing.assert_allclose(made.propensity, (1 - FLOOR) * explored + FLOOR / 3, atol=0.01)
    np.testing.assert_allclose(made.confidence, by_many_draws(mean, covariance), atol=0.01)
    assert sum(made.propensity) == pytest.approx(1, abs=1e-12)
    assert min(made.propensity) >= FLOOR / 3


def test_choice__confidence_and_propensity__are_two_numbers(state: State) -> None:
    made = choice(state)
    best = int(np.argmax(made.score))

    assert abs(made.confidence[best] - made.propensity[best]) > 0.02
    assert sum(made.confidence) == pytest.approx(1, abs=1e-12)


def test_choice__over_many_seeds__is_drawn_from_exactly_the_logged_vector(state: State) -> None:
    """Pearson's χ² with 2 degrees of freedom: 13.8 is passed once in a thousand."""
    count = 4000
    made = choice(state)
    drawn = [choice(state, f"dec_{n}").index for n in range(count)]
    expected = count * np.array(made.propensity)

    observed = np.bincount(drawn, minlength=3)

    assert ((observed - expected) ** 2 / expected).sum() < 13.8
    assert observed.min() > 0


def test_draw__of_a_vector__is_exact_at_its_ends() -> None:
    counts = np.bincount([draw(np.array([0.0, 0.25, 0.75, 0.0]), str(n)) for n in range(10_000)], minlength=4)

    assert counts[[0, 3]].tolist() == [0, 0]
    assert counts[1] == pytest.approx(2500, abs=200)


def test_choice__replayed__is_the_same_in_every_figure(state: State) -> None:
    assert choice(state) == choice(state)
    assert {choice(state, f"dec_{n}").action for n in range(2000)} == set(ACTIONS)


def test_choice__doing_nothing__is_an_action_that_learns_like_any_other() -> None:
    state = State.cold()
    for start in range(20):
        waiting = [
            type(example)(example.features, example.action, float(example.action == NOTHING))
            for example in examples(50, start)
        ]
        state = state.learned(waiting, NAMES)

    made = choice(state)

    assert made.actions[int(np.argmax(made.confidence))] == NOTHING
    assert made.confidence[0] > 0.99
    assert made.score[0] > 0.8


def test_choice__with_no_data__is_even_and_says_so() -> None:
    made = choice(State.cold())

    np.testing.assert_allclose(made.confidence, 1 / 3, atol=0.01)
    np.testing.assert_allclose(made.propensity, 1 / 3, atol=0.01)
    np.testing.assert_allclose(made.prior_share, 1)
    assert made.score == (0.5, 0.5, 0.5)
    assert "it has not been tried yet. 0 % of this rests on own data, the rest on the prior." in made.reasoning


def test_choice__of_one_candidate__is_certain(state: State) -> None:
    made = choice(state, actions=[NOTHING])

    assert (made.action, made.confidence, made.propensity) == (NOTHING, (1.0,), (1.0,))
    assert made.reasoning.startswith("Doing nothing: the only candidate.")


def test_choice__of_a_new_action__rests_on_the_prior_and_is_tried(state: State) -> None:
    actions = [*ACTIONS, "at_new"]
    made = choice(state, actions=actions)
    tried = next(c for n in range(100) if (c := choice(state, f"dec_{n}", actions=actions)).action == "at_new")

    assert made.prior_share[-1] > 3 * max(made.prior_share[:-1])
    assert made.propensity[-1] > 5 * FLOOR / 4
    assert "At_new rather than" in tried.reasoning
    assert "it has not been tried yet" in tried.reasoning


def test_prior_share__with_more_data__falls_from_one_to_nothing() -> None:
    shares = [max(choice(learned(count)).prior_share) for count in (0, 50, 500, 2000)]

    assert shares == sorted(shares, reverse=True)
    assert shares[0] == pytest.approx(1)
    assert shares[-1] < 0.05


def test_reasoning__of_the_best_action__names_what_speaks_for_it() -> None:
    state = learned(2000)
    labels = {"at_points": "grant points", "at_voucher": "send voucher"}
    many = {"bias": 1.0, "traits.orders": 33.0}
    pro = {"bias": 1.0, "traits.orders": 8.0, "traits.plan=pro": 1.0}
    made = [
        next(
            c for n in range(1000) if (c := choice(state, f"d{n}", features=user, labels=labels)).action == action
        ).reasoning
        for user, action in ((many, "at_points"), (pro, "at_voucher"), (many, "at_voucher"))
    ]

    assert made[0].startswith("Grant points rather than ")
    assert "orders is high" in made[0]
    assert "plan is pro" in made[1]
    assert made[2].startswith("Send voucher, to learn more about it, although grant points is expected to do better")
    for text in made:
        assert "% of this rests on own data, the rest on the prior." in text
        assert "at_" not in text


def test_reasoning__of_what_a_request_said__names_it_in_words() -> None:
    names = ("bias", "context.cart_value", "context.page=check_out")
    moment = {"bias": 1.0, "context.page=check_out": 1.0}
    examples = [
        Example(moment | {"context.cart_value": float(n % 7)}, action, float(action == "at_points" and n % 7 > 2))
        for n in range(500)
        for action in ("at_points", NOTHING)
    ]
    state = State.cold()
    for start in range(0, len(examples), 100):
        state = state.learned(examples[start : start + 100], names)

    made = choose(
        state=state,
        features=moment | {"context.cart_value": 6.0},
        names=names,
        actions=["at_points", NOTHING],
        seed="dec_1",
    )

    assert made.action == "at_points"
    assert "this request's cart value is high" in made.reasoning
    assert "this request's page is check out" in made.reasoning
