"""The contest of `make simulate` in small: what its worlds are, that it is fair, and that each policy learns."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from bench.contest.play import POINTS, SETTINGS, Played, Setting, decide, play
from bench.contest.rivals import OURS, POLICIES, Policy
from bench.contest.worlds import World, own
from learning.model.posterior import Array

pytestmark = pytest.mark.no_database

SMALL = 60


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_world__of_a_seed__is_always_the_same_and_no_other(setting: Setting) -> None:
    one, again, other = (setting.make(seed, SMALL) for seed in (1, 1, 2))

    for name in ("x", "rates", "luck"):
        assert_array_equal(getattr(one, name), getattr(again, name))
    assert one.names == again.names
    assert not np.array_equal(one.luck, other.luck)


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_world__of_any_seed__is_well_formed(setting: Setting) -> None:
    for seed in range(5):
        world = setting.make(seed, setting.decisions)

        assert world.x.shape == (len(world.luck), len(world.names))
        assert world.rates.shape[0] == len(world.luck) <= setting.decisions
        assert world.names[0] == "bias"
        assert len(set(world.names)) == len(world.names) <= 32
        assert np.all((world.rates >= 0) & (world.rates <= 1))
        assert np.all((world.luck >= 0) & (world.luck < 1))
        assert np.all(world.x[:, 0] == 1)
        assert np.isin(world.x[:, ["=" in name for name in world.names]], (0, 1)).all()


@pytest.mark.parametrize(("name", "least", "most"), [("rare", 0.01, 0.02), ("foreign", 0.01, 0.05)])
def test_world__with_rare_rewards__has_them_as_often_as_it_says(name: str, least: float, most: float) -> None:
    for seed in range(5):
        assert least <= SETTINGS[name].make(seed, 2_000).rates.mean() <= most


def test_change__from_the_middle_on__has_no_action_do_what_it_did() -> None:
    for seed in range(5):
        before, after = own(seed, SMALL), SETTINGS["change"].make(seed, SMALL)

        assert_array_equal(before.rates[: SMALL // 2], after.rates[: SMALL // 2])
        assert_array_equal(np.sort(before.rates, axis=1), np.sort(after.rates, axis=1))
        assert np.all(before.rates[SMALL // 2 :] != after.rates[SMALL // 2 :])


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
    """An easy world: two kinds of users, and two actions, one for each."""
    setting = Setting(_easy, 400, 4, (100, 400))
    tenants = [play(setting, seed) for seed in range(4)]
    return {name: [tenant[name] for tenant in tenants] for name in POLICIES}


def _easy(seed: int, decisions: int) -> World:
    random = np.random.default_rng([0, seed])
    kind = random.integers(0, 2, decisions)
    x = np.column_stack([np.ones(decisions), kind])
    return World(("bias", "traits.kind=true"), x, np.eye(2)[kind] * 0.4 + 0.1, random.random(decisions))


@pytest.mark.parametrize("name", POLICIES)
def test_policy__in_an_easy_world__learns(played: dict[str, list[Played]], name: str) -> None:
    captured = np.mean([tenant.captured for tenant in played[name]], axis=0)

    assert captured.shape == (POINTS,)
    assert captured[-1] > 0.4
    assert captured[-1] > captured[0] + 0.2


@pytest.mark.parametrize("name", POLICIES)
def test_policy__with_the_same_seed__does_the_same(played: dict[str, list[Played]], name: str) -> None:
    again = play(Setting(_easy, 400, 1, (100, 400)), 0, policies=[name])[name]

    assert_array_equal(again.captured, played[name][0].captured)
    assert again.marks == played[name][0].marks


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_policy__with_a_number_more_than_a_category__takes_both(policy: type[Policy]) -> None:
    world = SETTINGS["foreign"].make(0, SMALL)
    chosen, confidence = decide(world, policy, 0, 20)

    assert set(chosen.tolist()) <= set(range(world.rates.shape[1]))
    if confidence is not None:
        assert np.all((confidence >= 0) & (confidence <= 1))


def test_model__beside_the_rivals__states_its_confidence(played: dict[str, list[Played]]) -> None:
    assert played[OURS][0].confidence is not None
