"""Shares of a process's threads, by themselves. `test_shares.py` has them under load."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from retivo.threads import PATIENCE_SECONDS, SPARE, FullError, Places, share

pytestmark = pytest.mark.no_database


@pytest.mark.parametrize(
    ("part", "threads", "expected"),
    [
        ("0.5", 8, 4),
        ("0.5", 7, 3),
        ("0.5", 2, 1),
        ("0.5", 1, 1),  # a single thread cannot be shared
        ("0.25", 8, 2),
        ("0.25", 3, 1),
        ("0.01", 8, 1),
        ("1", 8, 7),  # one is left for others, whatever was set
        ("1", 2, 1),
        ("0.95", 8, 7),
        ("0.29", 100, 29),  # 28.999999999999996 as a float
    ],
)
def test_share__of_threads__is_rounded_down_within_its_bounds(part: str, threads: int, expected: int) -> None:
    assert share(Decimal(part), threads) == expected


def in_threads(number: int, work: Callable[[], bool]) -> list[bool]:
    """What `work` answers in each of so many threads, none of which ends before all have been asked."""
    asked = threading.Barrier(number)

    def once(_: int) -> bool:
        answer = work()
        asked.wait(10)
        return answer

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(once, range(number)))


def test_take__beyond_the_most__is_refused_for_that_party_alone() -> None:
    places = Places()

    assert sum(in_threads(10, lambda: places.take({"a": 4}))) == 4
    assert places.taken("a") == 4
    assert sum(in_threads(10, lambda: places.take({"b": 3}))) == 3


def test_take__for_two_parties__needs_a_place_of_both() -> None:
    places = Places()

    assert sum(in_threads(6, lambda: places.take({"key": 4, "unknown": 2}))) == 2
    assert (places.taken("key"), places.taken("unknown")) == (2, 2)


def test_take__by_a_thread_that_has_a_place__gives_the_old_one_up() -> None:
    places = Places()

    assert places.take({"key": 1, "unknown": 1})
    assert places.take({"tenant": 1})
    assert (places.taken("key"), places.taken("unknown"), places.taken("tenant")) == (0, 0, 1)
    assert places.take({"tenant": 1})  # its own does not stand in its way


def test_leave__whether_or_not_there_is_a_place__leaves_none() -> None:
    places = Places()
    places.leave()
    places.take({"tenant": 1})
    places.leave()
    places.leave()

    assert places.taken("tenant") == 0


def test_take_and_leave__by_many_threads__loses_no_place() -> None:
    places = Places()

    def work() -> bool:
        for _ in range(2000):
            places.take({"tenant": 3, "all": 5})
            assert places.taken("tenant") <= 3
            places.leave()
        return True

    in_threads(8, work)

    assert (places.taken("tenant"), places.taken("all")) == (0, 0)


def test_take__every_thread_is_taken__waits_for_a_place_that_comes_free() -> None:
    places = Places(room=1)
    taken, waits = threading.Event(), threading.Event()

    def first() -> None:
        places.take({"a": 1})
        taken.set()
        waits.wait(10)
        places.leave()

    thread = threading.Thread(target=first)
    thread.start()
    taken.wait(10)
    threading.Timer(0.05, waits.set).start()

    assert places.take({"b": 1})
    thread.join()


def test_take__no_place_comes_free__is_refused_at_once_until_one_does() -> None:
    places = Places(room=1)
    with ThreadPoolExecutor(1) as stuck:
        stuck.submit(places.take, {"a": 1}).result()

        for _ in range(50):  # each by itself would wait, and the test with them
            with pytest.raises(FullError):
                places.take({"b": 1})
        stuck.submit(places.leave).result()

        assert places.take({"b": 1})


def test_take__in_vain_by_all_spare_threads__leaves_probes_their_second() -> None:
    assert SPARE * PATIENCE_SECONDS < 1  # one behind the other, at the most


def test_take__again_by_the_thread_that_has_a_place__needs_no_room() -> None:
    places = Places(room=1)

    assert places.take({"key": 1})
    assert places.take({"tenant": 1})
