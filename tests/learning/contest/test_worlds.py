"""The worlds of the contest: the same for each who plays in them, and as they say."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from bench.contest.play import SETTINGS, Setting
from bench.contest.worlds import own

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
