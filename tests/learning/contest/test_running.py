"""The whole contest: each tenant of each world once, with every policy."""

from multiprocessing.pool import ThreadPool

import pytest

from bench.contest import figures, running
from bench.contest.play import SETTINGS, play

pytestmark = pytest.mark.no_database

POLICIES = ("linucb-1", "beta-counters")


def test_run__of_two_worlds__has_each_tenant_once_in_the_order_of_seeds() -> None:
    with ThreadPool(2) as pool:
        contest = running.run(pool, {"short": 3, "wine": 1}, POLICIES, first_seed=5)

    assert {world: {name: len(each) for name, each in played.items()} for world, played in contest.items()} == {
        "short": dict.fromkeys(POLICIES, 3),
        "wine": dict.fromkeys(POLICIES, 1),
    }
    for n, tenant in enumerate(contest["short"]["linucb-1"]):
        assert tenant.captured == play(SETTINGS["short"], 5 + n, ["linucb-1"])["linucb-1"].captured


def test_table__of_what_was_played__has_a_row_for_each_policy_and_world() -> None:
    with ThreadPool(1) as pool:
        contest = running.run(pool, {"short": 2}, POLICIES)

    assert [line.split()[0] for line in figures.table(contest).splitlines()] == ["short,", *POLICIES]
