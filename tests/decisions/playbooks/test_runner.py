"""Who enters, who leaves, what is planned, and that it is planned once."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from typing import Any

import pytest
from django.db import transaction

from decisions.playbooks import runner
from tenants.upkeep.rounds import Turn, TurnOver
from tests.conftest import REPOSITORY, Api, database_url, service_environment
from tests.decisions.cast import (
    DAY,
    NOON,
    PLAYBOOKS,
    ask,
    change,
    interventions,
    is_in,
    person,
    playbook,
    run,
    users_of,
)
from tests.owner import as_owner, owner_cursor


def people(api: Api, count: int) -> None:
    ask(
        api,
        "INSERT INTO events_trackeduser (tenant_id, user_id, name, email, company, role, locale, traits,"
        " lifecycle_stage, opted_out) SELECT %(tenant_id)s, 'u' || n, '', '', '', '', '', '{}', 'active', false"
        " FROM generate_series(1, %(count)s) n",
        tenant_id=api.tenant_id,
        count=count,
    )


# --- Entry and exit -------------------------------------------------------------------------------------------------


def test_run__users_that_match__enter_and_are_intervened_with_once(merchant: Api) -> None:
    person(merchant, "a")
    person(merchant, "b", lifecycle_stage="new")
    made = playbook(merchant)

    first = run(merchant)

    assert first == {"users": 2, "entered": 1, "left": 0, "cancelled": 0, "planned": 1, "begun": 0}
    (found,) = interventions(merchant)
    assert (found["user_id"], found["playbook_id"], found["status"]) == ("a", made, "planned")
    assert found["planned_at"] == "2026-11-02T12:00:00Z"
    for later in range(3):
        assert run(merchant, NOON + later * DAY)["planned"] == 0


def test_run__entry_conditions_no_longer_hold__leaves_and_may_enter_again(merchant: Api) -> None:
    person(merchant, "a")
    made = playbook(merchant)
    run(merchant)

    change(merchant, "a", lifecycle_stage="at_risk")
    assert run(merchant, NOON + DAY)["left"] == 1
    assert is_in(merchant, made) == set()

    change(merchant, "a", lifecycle_stage="active")
    assert run(merchant, NOON + 2 * DAY) == {
        "users": 1,
        "entered": 1,
        "left": 0,
        "cancelled": 0,
        "planned": 1,
        "begun": 0,
    }
    assert ask(merchant, "SELECT number, steps_done FROM decisions_playbookentry") == [(2, 1)]


def test_run__exit_conditions_given__the_entry_conditions_hold_nobody_and_keep_nobody(merchant: Api) -> None:
    person(merchant, "a", engagement_score=0.9)
    person(merchant, "b", engagement_score=0.9, health=1)
    made = playbook(
        merchant, entry_conditions={"engagement_score": {"gte": 0.6}}, exit_conditions={"health": {"gte": 0.5}}
    )
    run(merchant)
    assert is_in(merchant, made) == {"a"}

    change(merchant, "a", engagement_score=0.1)
    run(merchant)
    assert is_in(merchant, made) == {"a"}

    change(merchant, "a", health=0.7)
    run(merchant)
    assert is_in(merchant, made) == set()


def test_run__user_leaves_before_anything_was_sent__cancels_it(merchant: Api) -> None:
    person(merchant, "a")
    playbook(merchant, constraints={"needs_approval": True})
    run(merchant)
    change(merchant, "a", lifecycle_stage="churned")

    assert run(merchant, NOON + DAY)["cancelled"] == 1

    assert [found["status"] for found in interventions(merchant)] == ["cancelled"]
    assert ask(merchant, "SELECT next_action FROM events_trackeduser") == [(None,)]


def test_run__user_in_several_playbooks__is_in_all_of_them(merchant: Api) -> None:
    person(merchant, "a")
    for _ in range(3):
        playbook(merchant)

    assert run(merchant)["planned"] == 3


@pytest.mark.parametrize("status", ["draft", "paused", "archived"])
def test_run__playbook_that_is_not_active__does_nothing(merchant: Api, status: str) -> None:
    person(merchant, "a")
    made = playbook(merchant)
    for step in {"draft": ["archived", "draft"]}.get(status, [status]):
        assert merchant.put(f"{PLAYBOOKS}/{made}/status", {"status": step}).status_code == 200

    assert run(merchant) == {"begun": 0}
    assert interventions(merchant) == []


def test_run__user_who_opted_out__is_never_intervened_with(merchant: Api) -> None:
    person(merchant, "a", opted_out=True)
    person(merchant, "b")
    made = playbook(merchant, entry_conditions={"lifecycle_stage": "active"}, exit_conditions={"health": {"gt": 2}})
    run(merchant)
    assert is_in(merchant, made) == {"b"}

    change(merchant, "b", opted_out=True)
    run(merchant)

    assert is_in(merchant, made) == set()
    assert [(found["user_id"], found["status"]) for found in interventions(merchant)] == [("b", "cancelled")]


def test_run__another_tenants_users__are_not_seen(acme: Api, merchant: Api) -> None:
    other = acme.provision("other")
    person(other, "a")
    playbook(merchant)

    assert run(merchant)["users"] == 0
    assert run(other) == {"begun": 0}


# --- Batches, crashes, crowds ---------------------------------------------------------------------------------------


def test_run__more_users_than_a_batch__looks_at_each_once(merchant: Api) -> None:
    people(merchant, 25)
    playbook(merchant)

    counts = run(merchant, batch=10)

    assert (counts["users"], counts["planned"]) == (25, 25)
    assert run(merchant, batch=5)["planned"] == 0


@pytest.mark.parametrize("users", [1, runner.FIRST_BATCH - 1])
def test_run__however_many_users__takes_the_same_few_statements(
    merchant: Api, statements: list[str], users: int
) -> None:
    people(merchant, users)
    playbook(merchant, constraints={"needs_approval": True})
    statements.clear()

    assert run(merchant)["planned"] == users

    # Where to begin, and which are active; of the one batch: context, lock, lock, sweep, plan, and the next actions'
    # three; what is ready.
    assert len(statements) == 3 + 8 + 3


def test_run__killed_between_two_batches__is_made_good_by_the_next(
    merchant: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(merchant, 25)
    playbook(merchant)
    killed = runner.Run(merchant.tenant_id, NOON, batch=10)
    batches = runner.run_playbook(killed, _only_playbook(merchant))
    next(batches)
    batches.close()
    assert killed.counts["planned"] == 10

    assert run(merchant, NOON + DAY, batch=10)["planned"] == 15
    assert len(users_of(merchant)) == len(set(users_of(merchant))) == 25


def _only_playbook(api: Api) -> Any:
    ((playbook_id,),) = ask(api, "SELECT id FROM decisions_playbook")
    return playbook_id


_RUN = """
    import django
    django.setup()
    from datetime import datetime
    from uuid import UUID
    from decisions.playbooks.runner import run_playbooks
    print("ready", flush=True)
    counts = run_playbooks(tenant_id=UUID("{tenant}"), now=datetime.fromisoformat("{now}"), batch=20)
    print(counts["planned"], flush=True)
"""


def start(api: Api) -> "subprocess.Popen[str]":
    environment = service_environment(DJANGO_SETTINGS_MODULE="retivo.settings", DATABASE_URL=database_url("default"))
    code = textwrap.dedent(_RUN.format(tenant=api.tenant_id, now=NOON.isoformat()))
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True
    )


def test_run__in_three_processes_at_once__plans_each_once(merchant: Api) -> None:
    people(merchant, 2000)
    playbook(merchant)
    processes = [start(merchant) for _ in range(3)]

    outputs = [process.communicate(timeout=120)[0] for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sum(int(output.split()[-1]) for output in outputs) == 2000
    assert ask(merchant, "SELECT count(*), count(DISTINCT user_id) FROM decisions_intervention") == [(2000, 2000)]


def test_run__process_killed_in_the_midst__the_next_run_finishes(merchant: Api) -> None:
    people(merchant, 4000)
    playbook(merchant)
    process = start(merchant)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    while not _planned():
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()

    before = _planned()
    after = run(merchant)["planned"]

    assert 0 < before < 4000, "it was to be killed in the midst"
    assert before + after == 4000
    assert ask(merchant, "SELECT count(*), count(DISTINCT user_id) FROM decisions_intervention") == [(4000, 4000)]


def _planned() -> int:
    return int(as_owner("SELECT count(*) FROM decisions_intervention")[0][0])


# --- Turns ----------------------------------------------------------------------------------------------------------


def has_more(api: Api) -> bool:
    """Run for the shortest turn there is; whether it left anything."""
    try:
        run(api, batch=10, turn=Turn(0))
    except TurnOver:
        return True
    return False


def test_run__turn_is_over__the_next_goes_on_behind_the_last_user_until_all_are_reached(merchant: Api) -> None:
    people(merchant, 25)
    first, second = playbook(merchant), playbook(merchant)
    reached: list[int] = []
    while has_more(merchant):
        reached.append(len(users_of(merchant)))

    assert reached == sorted(reached)
    assert 4 <= len(reached) < 20  # 2 playbooks of 3 batches, the last of which leaves no place
    assert is_in(merchant, first) == is_in(merchant, second) == {f"u{n}" for n in range(1, 26)}
    assert len(users_of(merchant)) == 50
    assert ask(merchant, "SELECT count(*) FROM tenants_place") == [(0,)]


def test_run__playbook_at_which_a_turn_ended_is_archived__goes_on_with_the_next(merchant: Api) -> None:
    people(merchant, 25)
    first, second = playbook(merchant), playbook(merchant)
    with pytest.raises(TurnOver):
        run(merchant, batch=10, turn=Turn(0))
    assert merchant.delete(f"{PLAYBOOKS}/{first}").status_code == 200

    run(merchant, batch=10)

    assert len(is_in(merchant, second)) == 25


def test_run__a_user_who_cannot_be_judged__is_passed_over_and_the_others_are_not(
    merchant: Api, caplog: pytest.LogCaptureFixture
) -> None:
    """A statement that does not end, here for a lock, is ended; the users are then fewer, at last one."""
    people(merchant, 5)
    made = playbook(merchant)

    with transaction.atomic("owner"), owner_cursor() as cursor:
        cursor.execute(
            "INSERT INTO decisions_playbookentry"
            " (tenant_id, playbook_id, user_id, number, since, entered_at, steps_done)"
            " VALUES (%s, %s, 'u3', 1, now(), now(), 0)",
            [merchant.tenant_id, made],
        )
        run(merchant)
        transaction.set_rollback(True, "owner")

    assert is_in(merchant, made) == {"u1", "u2", "u4", "u5"}
    (line,) = [record.getMessage() for record in caplog.records if "user_passed_over" in record.getMessage()]
    assert "u3" in line
    run(merchant)
    assert is_in(merchant, made) == {"u1", "u2", "u3", "u4", "u5"}
