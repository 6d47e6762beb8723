"""The whole contest, in several processes."""

import multiprocessing
import os
from collections.abc import Sequence
from multiprocessing.pool import Pool
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from bench.contest.play import Played

PROCESSES = 2

Contest = dict[str, dict[str, list["Played"]]]  # by world and policy, a tenant each


def prepare() -> None:
    """Set up Django, and before that the algebra: its threads would only take the cores from each other."""
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    django.setup()


def processes() -> Pool:
    """Each is prepared as this one was."""
    return multiprocessing.get_context("spawn").Pool(PROCESSES, initializer=django.setup)


def run(pool: Pool, tenants: dict[str, int], policies: Sequence[str], first_seed: int = 0) -> Contest:
    """As many tenants of each world, each with every policy."""
    tasks = [(world, first_seed + n, tuple(policies)) for world, count in tenants.items() for n in range(count)]
    contest: Contest = {world: {name: [] for name in policies} for world in tenants}
    for (world, _, _), played in zip(tasks, pool.imap(_play, tasks), strict=True):
        for name, tenant in played.items():
            contest[world][name].append(tenant)
    return contest


def _play(task: tuple[str, int, tuple[str, ...]]) -> dict[str, "Played"]:
    from bench.contest import play  # late: it imports models

    world, seed, policies = task
    return play.play(play.SETTINGS[world], seed, policies=policies)
