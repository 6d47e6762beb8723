"""Who competes: each decides before it is told, learns, and can be repeated."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from bench.contest.play import SETTINGS, Played, Setting, calibration_error, decide, play, reliability
from bench.contest.rivals import OURS, POLICIES, Policy
from bench.contest.worlds import World, own
from learning.model.posterior import Array

pytestmark = pytest.mark.no_database


def easy(seed: int, decisions: int) -> World:
    """Two kinds of users, and two actions, one for each."""
    random = np.random.default_rng([0, seed])
    kind = random.integers(0, 2, decisions)
    x = np.column_stack([np.ones(decisions), kind])
    return World(("bias", "traits.kind=true"), x, np.eye(2)[kind] * 0.4 + 0.1, random.random(decisions))


EASY = Setting(easy, 400, 4, (40, 400))


class Watched:
    """Chooses the last action, and keeps what it is shown."""

    def __init__(self, names: Sequence[str], actions: int, seed: int) -> None:
        self.last, self.shown, self.told = actions - 1, list[Array](), list[tuple[int, Array]]()
        WATCHED.append(self)

    def choose(self, x: Array) -> tuple[NDArray[np.intp], Array | None]:
        self.shown.append(x)
        return np.full(len(x), self.last), None

    def learn(self, x: Array, chosen: NDArray[np.intp], reward: Array) -> None:
        self.told.append((len(self.shown), reward))


WATCHED: list[Watched] = []


def test_decide__batch_by_batch__tells_the_rewards_after_the_choices() -> None:
    world = own(0, 50)
    WATCHED.clear()
    chosen, confidence = decide(world, Watched, 0, 20)

    (policy,) = WATCHED
    assert_array_equal(np.vstack(policy.shown), world.x)
    assert [len(x) for x in policy.shown] == [20, 20, 10]
    assert [batches for batches, _ in policy.told] == [1, 2, 3]
    assert_array_equal(np.concatenate([reward for _, reward in policy.told]), world.luck < world.rates[:, -1])
    assert_array_equal(chosen, policy.last)
    assert confidence is None


@pytest.fixture(scope="module")
def played() -> dict[str, list[Played]]:
    tenants = [play(EASY, seed) for seed in range(4)]
    return {name: [tenant[name] for tenant in tenants] for name in POLICIES}


@pytest.mark.parametrize("name", POLICIES)
def test_policy__in_an_easy_world__learns(played: dict[str, list[Played]], name: str) -> None:
    captured = {step: np.mean([tenant.captured[step] for tenant in played[name]]) for step in EASY.marks}

    assert captured[400] > 0.4
    assert captured[400] > captured[40] + 0.2


@pytest.mark.parametrize("name", POLICIES)
def test_policy__with_the_same_seed__does_the_same(played: dict[str, list[Played]], name: str) -> None:
    assert play(EASY, 0, policies=[name])[name].captured == played[name][0].captured


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_policy__with_a_number_more_than_a_category__takes_both(policy: type[Policy]) -> None:
    world = SETTINGS["foreign"].make(0, 60)
    chosen, confidence = decide(world, policy, 0, 20)

    assert set(chosen.tolist()) <= set(range(world.rates.shape[1]))
    if confidence is not None:
        assert np.all((confidence >= 0) & (confidence <= 1))


@pytest.fixture(scope="module")
def in_own() -> dict[str, list[Played]]:
    policies = (OURS, "linucb-1", "beta-counters")
    tenants = [play(Setting(own, 600, 8, (600,)), seed, policies) for seed in range(8)]
    return {name: [tenant[name] for tenant in tenants] for name in policies}


def test_model__after_600_decisions__captured_most_of_what_there_was(in_own: dict[str, list[Played]]) -> None:
    share = {name: np.mean([tenant.captured[600] for tenant in tenants]) for name, tenants in in_own.items()}

    assert share[OURS] > 0.55
    assert share[OURS] > share["beta-counters"] + 0.1
    assert share[OURS] > share["linucb-1"]


def test_model__confidence__is_how_often_it_is_right(in_own: dict[str, list[Played]]) -> None:
    assert calibration_error(in_own[OURS]) < 0.08
    stated, true, weight = reliability(in_own[OURS])
    assert weight.sum() == pytest.approx(1)
    assert true[-1] > true[0] + 0.4
    assert np.all(np.diff(stated) > 0)
