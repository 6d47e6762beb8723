"""A candidate against the decisions of the model itself, in the simulation's world, whose truth is known."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from bench.contest.worlds import NAMES, World, own
from learning.evaluation.services import Logged, evaluate, of_state, uniform
from learning.model.policy import choose, draw
from learning.model.state import NOTHING, Example, State

pytestmark = pytest.mark.no_database

DECISIONS = 1500


def features_of(world: World, n: int) -> dict[str, float]:
    return {name: float(value) for name, value in zip(NAMES, world.x[n], strict=True) if value or "=" not in name}


@pytest.fixture(scope="module")
def ledger() -> tuple[World, list[Logged], State]:
    """The model decides and learns; every fifth decision may not choose the last action.

    A fifth is drawn evenly: the model alone soon hardly ever does what another policy would, and a log of it is too
    short to judge one by.
    """
    tenant = own(3, DECISIONS)
    names = [NOTHING, *(f"at_{n}" for n in range(1, tenant.rates.shape[1]))]
    state, logged = State.cold(), []
    for n in range(DECISIONS):
        candidates = names if n % 5 else names[:-1]
        features = features_of(tenant, n)
        choice = choose(state=state, features=features, names=NAMES, actions=candidates, seed=f"dec_{n}")
        drawn_with = 0.8 * np.array(choice.propensity) + 0.2 / len(candidates)
        drawn = draw(drawn_with, f"dec_{n}")
        reward = float(tenant.luck[n] < tenant.rates[n, drawn])
        logged.append(Logged(features, candidates, candidates[drawn], float(drawn_with[drawn]), reward))
        if n % 50 == 49:
            latest = [Example(each.features, each.action, each.reward) for each in logged[-50:]]
            state = state.learned(latest, NAMES)
    return tenant, logged, state


def truth(tenant: World, logged: list[Logged], policy: Any) -> float:
    rates = tenant.rates
    return float(np.mean([rates[n, : len(d.actions)] @ policy(d.features, d.actions) for n, d in enumerate(logged)]))


def test_evaluate__uniform_from_the_models_decisions__finds_its_true_reward(
    ledger: tuple[World, list[Logged], State],
) -> None:
    tenant, logged, _ = ledger
    found = evaluate(decisions=logged, policy=uniform, names=NAMES)

    assert found.keys() == {"ips", "snips", "dr"}
    for estimate in found.values():
        assert estimate.low <= truth(tenant, logged, uniform) <= estimate.high
    assert found["dr"].high - found["dr"].low < found["ips"].high - found["ips"].low


def test_evaluate__what_was_learned_in_the_end__is_found_better_than_uniform(
    ledger: tuple[World, list[Logged], State],
) -> None:
    tenant, logged, state = ledger
    learned = of_state(state, NAMES)

    found = evaluate(decisions=logged, policy=learned, names=NAMES)["dr"]

    assert found.low > evaluate(decisions=logged, policy=uniform, names=NAMES)["dr"].high
    # Optimistic by what the state knows of these very rewards, and by no more than that.
    assert found.value == pytest.approx(truth(tenant, logged, learned), abs=0.05)


def test_evaluate__a_policy_that_does_not_sum_to_one__is_refused(ledger: tuple[World, list[Logged], State]) -> None:
    def half(_features: Mapping[str, float], actions: Sequence[str]) -> Sequence[float]:
        return [0.5 / len(actions)] * len(actions)

    with pytest.raises(ValueError, match="sum to 1"):
        evaluate(decisions=ledger[1], policy=half, names=NAMES)
