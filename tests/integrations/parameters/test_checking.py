"""Checking ends soon, in processes that can be killed, and nobody else waits for it."""

import gc
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.parameters import checking, engine
from integrations.parameters.checking import INVALID, TOO_COSTLY, TOO_LARGE, Allowance, check
from integrations.parameters.children import CHILDREN, Children, CostlyError, UnavailableError, children
from integrations.parameters.forms import InvalidSchemaError
from integrations.parameters.schema import normalize
from tests.conftest import REPOSITORY
from tests.integrations.parameters.heavy import OUTDATED, SCHEMA, TEXT, longest_gap

pytestmark = pytest.mark.no_database

HEAVY = json.dumps(SCHEMA)
LIGHT = json.dumps({"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]})


def codes(schema: str, parameters: dict[str, Any], **options: Any) -> list[str]:
    return [fault["code"] for fault in check(schema, parameters, owner="me", **options)]


def test_check__little_work__is_done_here_and_names_each_parameter() -> None:
    before = children.pids

    assert check(LIGHT, {"amount": 5}, owner="me") == []
    (fault,) = check(LIGHT, {"amount": "many"}, owner="me")

    assert (fault["pointer"], fault["code"]) == ("/amount", INVALID)
    assert children.pids == before


def test_check__much_work_that_is_quick__is_done_elsewhere_with_the_same_result() -> None:
    assert codes(HEAVY, {"a": "aab" * 9}) == []
    assert codes(HEAVY, {"a": "c"}) == [INVALID]
    assert children.pids


def test_check__too_much_work__is_refused_and_stalls_nobody() -> None:
    with longest_gap() as gap:
        assert codes(HEAVY, {"a": TEXT}) == [TOO_COSTLY]

    assert gap[0] < 0.5
    assert codes(HEAVY, {"a": "aab"}) == []


@pytest.mark.parametrize("size", [16_400, 950_000])
def test_check__parameters_above_16_kib__are_refused_unseen(size: int) -> None:
    assert codes(LIGHT, {"a": "a" * size}) == [TOO_LARGE]


def test_check__schema_stored_before_there_was_a_bound__is_refused_or_ends() -> None:
    assert codes(json.dumps(OUTDATED), {"a": TEXT}) == [TOO_COSTLY]
    assert codes(json.dumps({"patternProperties": {f"p{n}": {} for n in range(31)}}), {}) == [TOO_COSTLY]


def test_check__errors_that_multiply__are_not_spelled_out() -> None:
    """Spelled out, these were 16 s of work and 2 GB."""
    schema = json.dumps({"properties": {"a": {"items": {"anyOf": [{"type": "string"}] * 190}}}})

    with longest_gap() as gap:
        assert codes(schema, {"a": [0] * 8000}) == [INVALID]

    assert gap[0] < 0.5


def test_check__multiples_of_next_to_nothing__stall_nobody() -> None:
    schema = json.dumps({"properties": {"a": {"items": {"allOf": [{"multipleOf": 1e-300}] * 50}}}})

    with longest_gap() as gap:
        assert codes(schema, {"a": [9e18] * 2500}) == [TOO_COSTLY]

    assert gap[0] < 0.5


def test_allowance__spent__leaves_nothing_for_the_next() -> None:
    allowance = Allowance(0.05)

    assert codes(HEAVY, {"a": TEXT}, allowance=allowance) == [TOO_COSTLY]
    started = time.monotonic()
    assert [codes(HEAVY, {"a": TEXT}, allowance=allowance) for _ in range(100)] == [[TOO_COSTLY]] * 100
    assert time.monotonic() - started < 2


_PIECES = st.sampled_from(["a", "b", ".", r"\w", "[ab]", "[^c]", r"\d", "(a|b)", r"\p{L}", "é"])
_REPEATS = st.sampled_from(["", "*", "+", "?", "{0,9}", "{0,50}", "{3}", "{40,}"])
_PATTERNS = st.recursive(
    st.builds(str.__add__, _PIECES, _REPEATS),
    lambda inner: st.builds(lambda parts, repeat: f"({''.join(parts)}){repeat}", st.lists(inner, max_size=3), _REPEATS),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(pattern=_PATTERNS, ends=st.sampled_from(["^{}$", "{}", "({})*c"]), text=st.text("abcé", min_size=1, max_size=64))
def test_check__nested_repetition__ends_and_stalls_nobody(pattern: str, ends: str, text: str) -> None:
    text = (text * 8000)[:8000]
    started = time.monotonic()
    with longest_gap() as gap:
        try:
            schema = json.dumps(normalize({"a": {"type": "string", "pattern": ends.format(pattern)}}))
        except InvalidSchemaError:
            return
        assert codes(schema, {"a": text}) in ([], [INVALID], [TOO_COSTLY])

    assert gap[0] < 0.5
    assert time.monotonic() - started < 5


# --- Children -------------------------------------------------------------------------------------------------------


def ask(pool: Children, owner: object = "me", text: str = "aab", seconds: float = 0.1) -> bool:
    said, _ = pool.ask("fits", HEAVY, json.dumps({"a": text}), owner=owner, seconds=seconds)
    return bool(said)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
def test_child__killed_or_stopped_from_outside__is_replaced(how: int) -> None:
    pool = Children()
    assert ask(pool)
    (before,) = pool.pids

    os.kill(before, how)

    assert ask(pool)
    assert before not in pool.pids
    assert not psutil.pid_exists(before)  # no zombie either
    pool.close()


def test_children__that_end_all_the_time__are_no_fault_of_the_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Children()
    monkeypatch.setattr(sys, "executable", "/bin/true")

    with pytest.raises(UnavailableError) as refused:
        ask(pool)

    assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, "1")


def test_children__an_owner_with_many_checks__leaves_a_child_to_another() -> None:
    pool, started = Children(), time.monotonic()

    def hog() -> str:
        try:
            ask(pool, "hog", TEXT, seconds=0.5)
        except CostlyError:
            return "costly"
        except UnavailableError:
            return "unavailable"
        return "fits"

    with ThreadPoolExecutor(20) as threads:
        hogs = [threads.submit(hog) for _ in range(20)]
        time.sleep(0.2)
        assert ask(pool, "other")
        waited = time.monotonic() - started
        assert {each.result() for each in hogs} & {"costly", "unavailable"}
    ended = time.monotonic() - started
    pool.close()

    assert waited < 3
    assert ended < 10  # those who found no room were told so


def test_children__an_owner_that_had_a_turn__comes_behind_those_who_wait() -> None:
    pool, had = Children(), []
    first, *others = range(CHILDREN)

    def ask_once_more(owner: object) -> None:
        with pool._turn(owner):
            had.append(owner)

    with ThreadPoolExecutor(4) as threads, ExitStack() as turns:
        for owner in others:
            turns.enter_context(pool._turn(owner))
        with pool._turn(first):
            asked = [threads.submit(ask_once_more, first) for _ in range(3)]
            asked.append(threads.submit(ask_once_more, "another"))
            while "another" not in pool._owners:
                time.sleep(0.01)
        for each in asked:
            each.result()

    assert had == ["another", first, first, first]


def test_children__many_owners__are_few() -> None:
    pool = Children()
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(lambda n: ask(pool, n), range(8)))

    assert 1 <= len(pool.pids) <= CHILDREN
    pool.close()
    assert pool.pids == []


def test_child__parent_killed__ends_too() -> None:
    program = (
        "import django; django.setup()\n"
        "from integrations.parameters.children import children\n"
        "children.ask('fits', '{}', '{}', owner=1, seconds=1)\n"
        "print(children.pids[0], flush=True); import time; time.sleep(60)"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "retivo.settings"}
    with subprocess.Popen([sys.executable, "-c", program], cwd=REPOSITORY, env=environment, stdout=-1) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()

    assert psutil.wait_procs([child], timeout=10)[1] == []


def test_child__holds_none_of_the_parents_files() -> None:
    read, write = os.pipe()
    os.set_inheritable(write, True)
    pool = Children()
    assert ask(pool)

    os.close(write)

    assert os.read(read, 1) == b""  # the other end is closed everywhere
    os.close(read)
    pool.close()
    gc.collect()


def test_engine__imports_nothing_of_ours() -> None:
    program = f"import runpy, sys; runpy.run_path({engine.__file__!r}); print([*sys.modules])"
    loaded = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True).stdout

    assert "jsonschema_rs" in loaded
    assert "django" not in loaded
    assert "integrations" not in loaded


def test_is_light__what_is_dear_to_compile__is_not() -> None:
    assert checking.is_light(LIGHT, "{}")
    assert not checking.is_light(HEAVY, "{}")
    assert not checking.is_light(json.dumps(OUTDATED), "{}")
