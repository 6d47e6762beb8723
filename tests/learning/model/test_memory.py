"""Two memories: the one that lasts while the world stays, the recent one when it changes."""

from dataclasses import replace

import numpy as np
import pytest

from learning.model.memory import CHANGE
from learning.model.packing import packed, unpacked
from learning.model.prior import Pattern
from learning.model.state import NOTHING, Example, State

pytestmark = pytest.mark.no_database

NAMES = ("bias", "s=a")
ACTIONS = (NOTHING, "at_1")


def batch(seed: int, better: str) -> list[Example]:
    """Both actions; the better one succeeds in 60 %, the other in 20 %."""
    random = np.random.default_rng(seed)
    return [
        Example({"bias": 1.0}, action, float(random.random() < (0.6 if action == better else 0.2)))
        for action in ACTIONS * 10
    ]


def advantage(state: State) -> float:
    """Of the first action's logit, over all that is decided by."""
    x = state.vector({"bias": 1.0})
    first, second = np.sum([each.weight * each.posterior.logits(x)[0] for each in state.experts], axis=0)
    return float(first - second)


@pytest.fixture(scope="module")
def settled() -> State:
    state = State.cold()
    for seed in range(100):
        state = state.learned(batch(seed, NOTHING), NAMES)
    return state


def test_memories__while_the_world_stays__decide_by_the_one_that_lasts(settled: State) -> None:
    assert settled.memories.recent_weight < 0.1
    assert sum(expert.weight for expert in settled.experts if expert.name == "cold") > 0.9
    lasting, recent = settled.memories.lasting, settled.memories.recent
    assert lasting.information[0, 0, 0] > 3 * recent.information[0, 0, 0]


def test_memories__after_a_change__follow_it_within_a_few_hundred_outcomes(settled: State) -> None:
    state, weights = settled, list[float]()
    for seed in range(20):
        state = state.learned(batch(1000 + seed, "at_1"), NAMES)
        weights.append(state.memories.recent_weight)

    assert advantage(settled) > 1
    assert advantage(state) < 0  # 400 outcomes against 2,000
    # What was known before the change was given up, not only outweighed.
    assert state.memories.lasting.information[0, 0, 0] < settled.memories.lasting.information[0, 0, 0] / 2
    assert weights[-1] < 0.5


def test_recent_weight__of_a_few_batches__rises_where_they_are_not_as_before(settled: State) -> None:
    same = other = settled
    for seed in range(5):
        same = same.learned(batch(5000 + seed, NOTHING), NAMES)
        other = other.learned(batch(5000 + seed, "at_1"), NAMES)

    assert CHANGE / 2 < same.memories.recent_weight < 0.1
    assert same.memories.recent_weight < other.memories.recent_weight < 1


@pytest.mark.parametrize("size", [1, 5, 20])
def test_recent_weight__of_outcomes_one_by_one_or_many_at_once__rises_with_their_number_alone(size: int) -> None:
    """A tenant that is folded each minute must not be taken for one whose world changes each minute."""
    state, examples = State.cold(), [each for seed in range(10) for each in batch(seed, NOTHING)]
    for start in range(0, len(examples), size):
        state = state.learned(examples[start : start + size], NAMES)

    assert CHANGE <= state.memories.recent_weight < 0.02


def test_pattern_weight__when_the_world_changes__is_of_the_memory_that_lasts(settled: State) -> None:
    pattern = Pattern(NAMES, 100.0, settled.posterior.mean[1], 0.1, 1.0)
    before = settled.with_patterns({NOTHING: pattern, "at_1": pattern})
    after = replace(before, memories=replace(before.memories, recent_weight=0.95))

    assert before.pattern_weight > 0.05
    assert after.pattern_weight == before.pattern_weight


def test_packed__both_memories__come_back(settled: State) -> None:
    again = unpacked(packed(settled))

    np.testing.assert_allclose(again.memories.recent.mean, settled.memories.recent.mean, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(
        again.memories.recent.information, settled.memories.recent.information, rtol=1e-6, atol=1e-7
    )
    np.testing.assert_allclose(again.widths, settled.widths, rtol=1e-6)
    assert again.memories.recent_weight == settled.memories.recent_weight


def test_unpacked__a_row_that_the_release_before_wrote__starts_its_recent_memory_anew(settled: State) -> None:
    now, before = packed(settled.covering(["s=b"], [])), packed(settled)

    for old in (
        now._replace(recent_mean=b"", recent_information=b"", widths=b""),
        now._replace(
            recent_mean=before.recent_mean, recent_information=before.recent_information, widths=before.widths
        ),
    ):
        again = unpacked(old)
        np.testing.assert_array_equal(again.memories.recent.mean, again.memories.lasting.mean)
        assert again.memories.recent_weight == CHANGE
        assert again.widths.shape == (2, 3)
