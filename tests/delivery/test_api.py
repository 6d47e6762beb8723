"""Reading actions, reporting outcomes, replaying."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from retivo.api import listing
from tests.conftest import Api, Server
from tests.delivery.cast import Merchant, merchant_of, work
from tests.delivery.receiver import Answer, Receiver
from tests.owner import as_owner

ACTIONS = "/api/external/actions"


def fail_all(reason: str = "attempts_exhausted") -> None:
    as_owner("UPDATE delivery_action SET status = 'failed', failure_reason = %s, attempts = 8", reason)


def listed(api: Api, **query: Any) -> list[str]:
    response = api.get(ACTIONS, query)
    assert response.status_code == 200, response.content
    return [action["id"] for action in response.json()["actions"]]


# --- Reading --------------------------------------------------------------------------------------------------------


def test_list__pages__hold_each_action_once_newest_first(shop: Merchant) -> None:
    now = datetime.now(UTC)
    ids = [shop.dispatch(now=now + timedelta(milliseconds=n // 2)) for n in range(7)]

    found: list[str] = []
    query: dict[str, Any] = {"limit": 3}
    while True:
        page = shop.api.get(ACTIONS, query).json()
        assert page["total"] == 7
        found += [action["id"] for action in page["actions"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]

    assert len(found) == 7
    assert set(found) == set(ids)
    assert set(found[:1]) == {ids[-1]}
    assert set(found[-2:]) == set(ids[:2])


def test_list__filters__narrow_it(shop: Merchant) -> None:
    old = shop.dispatch(now=datetime(2026, 1, 1, tzinfo=UTC), expires_at=datetime(2036, 1, 1, tzinfo=UTC))
    work()
    new = shop.dispatch(user_id="u2")

    assert listed(shop.api, status="delivered") == [old]
    assert listed(shop.api, status="pending") == [new]
    assert listed(shop.api, user_id="u2") == [new]
    assert listed(shop.api, provider="loyalty") == [new, old]
    assert listed(shop.api, provider="other") == []
    assert listed(shop.api, since="2026-01-01T01:00:00+01:00") == [new, old]
    assert listed(shop.api, since="2026-01-01T00:00:00.5Z") == [new]


def test_list__few_of_many_match__pages_go_on_behind_what_was_looked_at(
    shop: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    (oldest, *_) = [shop.dispatch(now=now + timedelta(milliseconds=n)) for n in range(5)]
    as_owner("UPDATE delivery_action SET status = 'failed', failure_reason = 'internal_error' WHERE id = %s", oldest)
    monkeypatch.setattr(listing, "LOOK", 2)

    pages: list[list[str]] = []
    query: dict[str, Any] = {"status": "failed"}
    while True:
        page = shop.api.get(ACTIONS, query).json()
        assert (page["total"], page["total_is_exact"]) == (0, False)
        pages.append([action["id"] for action in page["actions"]])
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]

    assert pages == [[], [], [oldest]]


@pytest.mark.parametrize(
    "query",
    [
        {"status": "sent"},
        {"limit": 0},
        {"limit": 101},
        {"since": "yesterday"},
        {"since": "2026-01-01"},
        {"since": "2026-01-01T00:00:00"},
        {"since": "0001-01-01T00:00:00+23:59"},
        {"since": "2026-13-01T00:00:00Z"},
        {"cursor": "x"},
        {"user": "u1"},
        {"user_id": "a\0b"},
    ],
)
def test_list__rubbish__is_refused_by_name(shop: Merchant, query: dict[str, Any]) -> None:
    response = shop.api.get(ACTIONS, query)

    assert response.status_code == 400, response.content
    assert response.json()["errors"][0]["pointer"] == f"/{next(iter(query))}"


def test_get__an_action__has_its_attempts(shop: Merchant, inbox: Receiver) -> None:
    inbox.answer = Answer(503, body=b"not now\0")
    id = shop.dispatch()
    work()

    action = shop.api.get(f"{ACTIONS}/{id}").json()["action"]

    assert (action["status"], action["attempts"], action["outcome"]) == ("dispatched", 1, None)
    assert action["due_at"] > action["created_at"]
    (attempt,) = action["delivery_attempts"]
    assert (attempt["number"], attempt["status_code"], attempt["response"]) == (1, 503, "not now�")


def test_actions__of_another_tenant__cannot_be_told_from_none(shop: Merchant, acme: Api, rival: Api) -> None:
    id = shop.dispatch()
    work()

    for api in (acme, rival):  # not even the partner whose endpoint it is
        assert listed(api) == []
        assert api.get(f"{ACTIONS}/{id}").status_code == 404
        assert api.post(f"{ACTIONS}/{id}/outcome", {"status": "completed"}).status_code == 404
        assert api.post(f"{ACTIONS}/{id}/replay", {}).status_code == 404


@pytest.mark.parametrize("id", ["ea_x", "ea_%00", "%F0%9F%98%80", "x" * 3000, "ea_" + "0" * 32, "ea_" + "A" * 32])
def test_get__what_is_no_action__is_not_found(shop: Merchant, id: str) -> None:
    assert shop.api.get(f"{ACTIONS}/{id}").status_code == 404
    assert shop.api.post(f"{ACTIONS}/{id}/replay", {}).status_code == 404
    assert shop.api.post(f"{ACTIONS}/{id}/outcome", {"status": "completed"}).status_code == 404


# --- Outcomes -------------------------------------------------------------------------------------------------------


def test_outcome__of_a_delivered_action__is_recorded_once(shop: Merchant) -> None:
    id = shop.dispatch()
    work()

    first = shop.api.post(f"{ACTIONS}/{id}/outcome", {"status": "partial", "result": {"points": 3}})
    second = shop.api.post(f"{ACTIONS}/{id}/outcome", {"status": "completed"})

    assert (first.status_code, second.status_code) == (200, 409)
    assert first.json() == {"recorded": True, "action_id": id, "outcome_status": "partial"}
    assert second.json()["code"] == "outcome_recorded"
    action = shop.api.get(f"{ACTIONS}/{id}").json()["action"]
    assert action["status"] == "completed"
    assert (action["outcome"]["status"], action["outcome"]["result"]) == ("partial", {"points": 3})


def test_outcome__fifty_at_once__one_wins(shop: Merchant, server: Server) -> None:
    id = shop.dispatch()
    work()
    codes: list[int] = []
    ready = threading.Barrier(50)

    def report() -> None:
        ready.wait()
        response = server.send(shop.api, "POST", f"{ACTIONS}/{id}/outcome", {"status": "completed"})
        codes.append(response.status_code)

    threads = [threading.Thread(target=report) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Counter(codes) == {200: 1, 409: 49}


def test_outcome__before_the_answer_is_recorded__stands(shop: Merchant, inbox: Receiver) -> None:
    """A receiver that reports from within its handler."""
    reports: list[int] = []

    def answer(received: Any) -> Answer:
        id = received.json["action_id"]
        reports.append(shop.api.post(f"{ACTIONS}/{id}/outcome", {"status": "completed"}).status_code)
        connections["default"].close()
        return Answer(200)

    inbox.answer = answer
    id = shop.dispatch()
    work()

    action = shop.action(id)
    assert reports == [200]
    assert (action.status, action.outcome_status) == ("completed", "completed")
    assert action.delivered_at is not None


def test_outcome__of_an_action_never_sent__is_refused(shop: Merchant) -> None:
    id = shop.dispatch()

    response = shop.api.post(f"{ACTIONS}/{id}/outcome", {"status": "completed"})

    assert (response.status_code, response.json()["code"]) == (409, "action_not_sent")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/status"),
        ({"status": "done"}, "/status"),
        ({"status": "completed", "result": "x"}, "/result"),
        ({"status": "completed", "results": {}}, "/results"),
    ],
)
def test_outcome__rubbish__is_refused_by_name(shop: Merchant, body: Any, pointer: str) -> None:
    id = shop.dispatch()
    work()

    response = shop.api.post(f"{ACTIONS}/{id}/outcome", body)

    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == pointer


# --- Replay ---------------------------------------------------------------------------------------------------------


def test_replay__a_failed_action__is_sent_under_the_same_id(shop: Merchant, inbox: Receiver) -> None:
    inbox.answer = Answer(500)
    id = shop.dispatch()
    work()
    fail_all()
    inbox.answer = Answer(200)

    response = shop.api.post(f"{ACTIONS}/{id}/replay", {})
    assert response.status_code == 200, response.content
    assert response.json()["action"]["status"] == "pending"
    work()

    assert shop.action(id).status == "delivered"
    assert inbox.ids == [id, id]
    assert [attempt.number for attempt in shop.attempts(id)] == [1, 9]


def test_replay__an_action_that_has_not_failed__is_refused(shop: Merchant) -> None:
    id = shop.dispatch()

    response = shop.api.post(f"{ACTIONS}/{id}/replay", {})

    assert (response.status_code, response.json()["code"]) == (409, "action_not_failed")


def test_replay__an_action_past_its_expiry__is_refused(shop: Merchant) -> None:
    id = shop.dispatch(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    fail_all()

    response = shop.api.post(f"{ACTIONS}/{id}/replay", {})

    assert (response.status_code, response.json()["code"]) == (409, "action_expired")


def test_replay__of_another_of_the_partners_customers__is_not_found(acme: Api, shop: Merchant, inbox: Receiver) -> None:
    other = merchant_of(acme, inbox.url, slug="other", provider="other")
    id = shop.dispatch()
    fail_all()

    assert other.api.post(f"{ACTIONS}/{id}/replay", {}).status_code == 404
