from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError

from decisions.models import INTERVENTION_TRANSITIONS, InterventionStatus
from decisions.playbooks.interventions import move_interventions
from decisions.playbooks.runner import Run, begin_ready
from tenants.context import tenant_context
from tests.conftest import Api, Server
from tests.decisions.cast import INTERVENTIONS, NOON, PLAYBOOKS, ask, change, interventions, person, plan, playbook, run
from tests.owner import owner_cursor


def move(api: Api, intervention_id: str, verb: str) -> Any:
    return api.put(f"{INTERVENTIONS}/{intervention_id}/{verb}", {})


def next_action(api: Api, user_id: str = "a") -> Any:
    ((found,),) = ask(api, "SELECT next_action ->> 'status' FROM events_trackeduser WHERE user_id = %(u)s", u=user_id)
    return found


# --- By hand --------------------------------------------------------------------------------------------------------


def test_create__by_hand__is_planned_and_the_users_next_action(merchant: Api) -> None:
    person(merchant, "a")
    made = playbook(merchant, name="Rescue")

    response = merchant.post(INTERVENTIONS, {"user_id": "a", "playbook_id": made, "channel": "webhook"})

    assert response.status_code == 201
    assert response.json().keys() == {"id", "status", "channel", "planned_at"}
    assert response.json()["id"].startswith("int_")
    assert (response.json()["status"], response.json()["channel"]) == ("planned", "webhook")
    (found,) = interventions(merchant)
    assert found == {
        **response.json(),
        "user_id": "a",
        "playbook_id": made,
        **dict.fromkeys(("message_body", "reasoning", "confidence", "approved_at", "sent_at", "delivered_at")),
        "flagged": False,
        "flag_reason": None,
        "quality_checks": None,
    }
    ((action,),) = ask(merchant, "SELECT next_action::text FROM events_trackeduser")
    assert action == '{"status": "planned", "channel": "webhook", "playbook": "Rescue"}'


def test_create__playbook_that_asks_for_approval__waits_for_it(merchant: Api) -> None:
    person(merchant, "a")
    made = playbook(merchant, constraints={"needs_approval": True})

    plan(merchant, playbook_id=made)

    assert [found["status"] for found in interventions(merchant)] == ["awaiting_approval"]


def test_create__sent_twice_under_a_key__plans_one(merchant: Api) -> None:
    person(merchant, "a")
    first, again = (merchant.post(INTERVENTIONS, {"user_id": "a"}, Idempotency_Key="k") for _ in range(2))

    assert first.json() == again.json()
    assert len(interventions(merchant)) == 1


@pytest.mark.parametrize("field", ["user_id", "playbook_id"])
def test_create__unknown_or_anothers__is_404_that_names_it(acme: Api, merchant: Api, field: str) -> None:
    other = acme.provision("other")
    person(merchant, "a")
    foreign = {"user_id": person(other, "b"), "playbook_id": playbook(other)}[field]
    for value in (foreign, str(uuid4())):
        response = merchant.post(INTERVENTIONS, {"user_id": "a", field: value})
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
        assert [error["pointer"] for error in response.json()["errors"]] == [f"/{field}"]


def test_create__user_who_opted_out__is_409(merchant: Api) -> None:
    person(merchant, "a", opted_out=True)

    assert merchant.post(INTERVENTIONS, {"user_id": "a"}).json()["code"] == "user_opted_out"


def test_create__archived_playbook__is_409(merchant: Api) -> None:
    person(merchant, "a")
    made = playbook(merchant, "archived")

    response = merchant.post(INTERVENTIONS, {"user_id": "a", "playbook_id": made})

    assert (response.status_code, response.json()["code"]) == (409, "playbook_archived")


@pytest.mark.parametrize(
    "fields", [{"user_id": 5}, {}, {"user_id": "a", "channel": "email"}, {"user_id": "a", "playbook_id": "x"}]
)
def test_create__bad_field__is_400(merchant: Api, fields: Any) -> None:
    assert merchant.post(INTERVENTIONS, fields).status_code == 400


# --- List -----------------------------------------------------------------------------------------------------------


def test_list__filters_and_pages__add_up(merchant: Api) -> None:
    for user in ("a", "b/ü 5%"):
        person(merchant, user)
    made = playbook(merchant)
    run(merchant)
    by_hand = [plan(merchant, "a") for _ in range(3)]
    move(merchant, by_hand[0], "approve")

    assert len(interventions(merchant, playbook_id=made)) == 2
    assert len(interventions(merchant, user_id="b/ü 5%")) == 1
    assert [found["id"] for found in interventions(merchant, status="approved")] == by_hand[:1]
    assert interventions(merchant, user_id="nobody", status="approved") == []
    everything = [found["id"] for found in interventions(merchant)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = merchant.get(INTERVENTIONS, {"limit": 2, **cursor}).json()
        assert page["total"] == 5
        seen += [found["id"] for found in page["interventions"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == everything
    assert len(set(seen)) == 5


# --- Moves ----------------------------------------------------------------------------------------------------------

VERBS = {"approve": "approved", "pause": "paused", "reject": "rejected"}


@pytest.mark.parametrize("before", InterventionStatus.values)
@pytest.mark.parametrize("verb", VERBS)
def test_move__from_each_status__is_as_the_table_says(merchant: Api, verb: str, before: str) -> None:
    person(merchant, "a")
    made = plan(merchant)
    ask(merchant, "UPDATE decisions_intervention SET status = %(status)s", status=before)

    response = move(merchant, made, verb)

    if VERBS[verb] in INTERVENTION_TRANSITIONS[before]:
        assert response.json() == {"id": made, "status": VERBS[verb]}
        (found,) = interventions(merchant)
        assert (found["approved_at"] is not None) == (verb == "approve")
    else:
        problem = response.json()
        assert (response.status_code, problem["code"]) == (409, "illegal_transition")
        assert problem["current_status"] == before
        assert interventions(merchant)[0]["status"] == before


def test_get__one__is_as_the_list_has_it(merchant: Api) -> None:
    person(merchant, "a")
    plan(merchant)
    made = plan(merchant)

    assert merchant.get(f"{INTERVENTIONS}/{made}").json() == {"intervention": interventions(merchant)[0]}


def test_get_or_move__unknown_or_anothers__is_404(acme: Api, merchant: Api) -> None:
    other = acme.provision("other")
    person(other, "a")
    for intervention_id in (plan(other), "int_0", "x" * 300):
        assert merchant.get(f"{INTERVENTIONS}/{intervention_id}").json()["code"] == "not_found"
        for verb in VERBS:
            assert move(merchant, intervention_id, verb).status_code == 404
    assert move(merchant, "a%00b", "approve").status_code == 404


def test_approve__twenty_at_once__one_wins(merchant: Api, server: Server) -> None:
    person(merchant, "a")
    made = plan(merchant)

    with ThreadPoolExecutor(20) as threads:
        answers = list(
            threads.map(lambda _: server.send(merchant, "PUT", f"{INTERVENTIONS}/{made}/approve"), range(20))
        )

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19


def test_approve_and_reject__many_of_one_user_at_once__leave_its_next_action_right(
    merchant: Api, server: Server
) -> None:
    person(merchant, "a")
    made = [plan(merchant) for _ in range(16)]

    with ThreadPoolExecutor(16) as threads:
        paths = [f"{INTERVENTIONS}/{id}/{'approve' if id == made[7] else 'reject'}" for id in made]
        answers = list(threads.map(lambda path: server.send(merchant, "PUT", path), paths))

    assert {answer.status_code for answer in answers} == {200}
    assert next_action(merchant) == "approved"


def test_next_action__follows_the_first_that_is_to_come__until_there_is_none(merchant: Api) -> None:
    person(merchant, "a")
    first, second = plan(merchant), plan(merchant)
    move(merchant, first, "approve")
    assert next_action(merchant) == "approved"
    move(merchant, first, "reject")
    assert next_action(merchant) == "planned"
    with tenant_context(merchant.tenant_id):
        assert move_interventions(tenant_id=merchant.tenant_id, ids=[first, second], status="sent") == [second]
    assert next_action(merchant) == "sent"
    with tenant_context(merchant.tenant_id):
        move_interventions(tenant_id=merchant.tenant_id, ids=[second], status="delivered")
    assert next_action(merchant) is None
    assert interventions(merchant, status="delivered")[0]["delivered_at"] is not None


# --- What is acted on -----------------------------------------------------------------------------------------------


def acted_on(api: Api) -> list[str]:
    """For whom a decision was made."""
    run = Run(api.tenant_id, NOON, batch=2)
    for _ in begin_ready(run):
        pass
    users = ask(api, "SELECT user_id FROM decisions_intervention WHERE decision_id IS NOT NULL ORDER BY user_id")
    assert run.counts["begun"] == len(users)
    return [user_id for (user_id,) in users]


def test_acted_on__what_may_be_begun__and_nothing_else(merchant: Api) -> None:
    merchant.post(
        "/api/external/action-types",
        {
            "name": "grant_points",
            "description": "Grants points",
            "provider": "own",
            "parameters_schema": {"type": "object"},
            "delivery_webhook": "https://hooks.merchant.example/points",
        },
    )
    for user in (
        "by hand",
        "approved",
        "waits",
        "paused",
        "sent",
        "quiet",
        "of a paused playbook",
        "of an active",
    ):
        person(merchant, user)
    quiet = playbook(merchant, constraints={"quiet_hours": {"from": "11:00", "to": "13:00"}})
    asks = playbook(merchant, constraints={"needs_approval": True})
    paused = playbook(merchant)
    plan(merchant, "by hand")
    move(merchant, plan(merchant, "approved", playbook_id=asks), "approve")
    plan(merchant, "waits", playbook_id=asks)
    move(merchant, plan(merchant, "paused"), "pause")
    sent = plan(merchant, "sent")
    ask(merchant, "UPDATE decisions_intervention SET status = 'sent' WHERE id = %(id)s", id=sent)
    plan(merchant, "quiet", playbook_id=quiet)
    plan(merchant, "of a paused playbook", playbook_id=paused)
    merchant.put(f"{PLAYBOOKS}/{paused}/status", {"status": "paused"})
    plan(merchant, "of an active", playbook_id=playbook(merchant))

    assert acted_on(merchant) == ["approved", "by hand", "of an active"]


def test_acted_on__whose_user_opted_out_since__is_cancelled_and_says_why(merchant: Api) -> None:
    person(merchant, "a")
    plan(merchant, "a")
    change(merchant, "a", opted_out=True)

    assert acted_on(merchant) == ["a"]

    (found,) = interventions(merchant)
    assert (found["status"], found["reasoning"], found["sent_at"]) == ("cancelled", "The user has opted out.", None)
    (decision,) = merchant.get("/api/decisions").json()["decisions"]
    assert (decision["stopped_by"], decision["intervention_id"]) == ("opted_out", found["id"])
    assert next_action(merchant) is None


# --- What the database holds ----------------------------------------------------------------------------------------


def test_erasing_a_user__takes_entries_and_interventions_along(merchant: Api) -> None:
    for user in ("a", "b"):
        person(merchant, user)
    playbook(merchant)
    run(merchant)

    ask(merchant, "DELETE FROM events_trackeduser WHERE user_id = 'a'")

    assert ask(merchant, "SELECT user_id FROM decisions_intervention") == [("b",)]
    assert ask(merchant, "SELECT user_id FROM decisions_playbookentry") == [("b",)]


@pytest.mark.parametrize(
    ("changed", "constraint"),
    [
        ({"step": 1, "entry": 1}, "intervention_once_for_each_step"),
        ({"user_id": "nobody"}, "intervention_for_own_user"),
        ({"playbook_id": uuid4()}, "intervention_of_own_playbook"),
        ({"status": "done"}, "intervention_status_known"),
        ({"channel": "email"}, "intervention_channel_known"),
        ({"confidence": 1.1}, "intervention_confidence_share"),
        ({"entry": 1, "step": None}, "intervention_entry_is_of_a_playbook"),
    ],
)
def test_database__what_must_not_be__is_refused(merchant: Api, changed: Any, constraint: str) -> None:
    person(merchant, "a")
    made = playbook(merchant)
    run(merchant)
    row: dict[str, Any] = {"tenant_id": merchant.tenant_id, "user_id": "a", "playbook_id": made, "entry": 2, "step": 1}
    row |= {"status": "planned", "channel": "webhook", "confidence": 0.5, **changed}
    values = ", ".join(f"%({name})s" for name in row)

    with pytest.raises(IntegrityError, match=constraint), owner_cursor() as cursor:
        cursor.execute(f"INSERT INTO decisions_intervention ({', '.join(row)}) VALUES ({values})", row)
