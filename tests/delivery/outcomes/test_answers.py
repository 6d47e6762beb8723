"""An outcome in a receiver's 2xx answer: taken where it is one, and otherwise left, which the attempt tells."""

import json
from typing import Any

import pytest
from django.db import connections

from delivery.outcomes.answers import read
from tests.delivery.cast import Merchant, make_due, work
from tests.delivery.outcomes.reporting import report, sent
from tests.delivery.receiver import Answer, Receiver

ACTIONS = "/api/external/actions"


def shown(shop: Merchant, id: str) -> Any:
    return shop.api.get(f"{ACTIONS}/{id}").json()["action"]


@pytest.mark.parametrize("status", ["completed", "ignored", "rejected", "partial"])
def test_answer__with_an_outcome__is_recorded_with_the_attempt(shop: Merchant, inbox: Receiver, status: str) -> None:
    inbox.answer = Answer(202, body=json.dumps({"outcome": {"status": status, "result": {"n": 1}}}).encode())

    id, path = sent(shop, inbox)

    action = shown(shop, id)
    assert (action["status"], action["delivered_at"] is None) == ("completed", False)
    reported = action["outcome"]
    assert (reported["status"], reported["result"], reported["reported_by"]) == (status, {"n": 1}, "answer")
    (attempt,) = action["delivery_attempts"]
    assert (attempt["status_code"], attempt["outcome_refusal"]) == (202, None)
    assert report(path).json()["code"] == "outcome_recorded"


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"outcome": {"status": "done"}}, "invalid_choice"),
        ({"outcome": {}}, "required"),
        ({"outcome": None}, "null"),
        ({"outcome": "completed"}, "invalid"),
        ({"outcome": {"status": "completed", "result": [1]}}, "not_an_object"),
        ({"outcome": {"status": "completed", "why": "so"}}, "unknown_field"),
        ({"outcome": {"status": "completed"}, "ok": True}, "unknown_field"),
        ({"outcome": {"status": "completed", "result": {"x": "y" * 1100}}}, "too_large"),
        ({"outcome": {"status": "completed", "result": {"x": "\0"}}}, "nul_character"),
        (b'{"outcome": {"status": "completed"}', "malformed_json"),
        ({"outcome": {"status": "completed", "result": {"x": 10**400}}}, "number_out_of_range"),
    ],
)
def test_answer__with_a_malformed_outcome__is_delivered_and_the_attempt_says_why(
    shop: Merchant, inbox: Receiver, body: Any, refusal: str
) -> None:
    inbox.answer = Answer(200, body=body if isinstance(body, bytes) else json.dumps(body).encode())

    id, path = sent(shop, inbox)

    action = shown(shop, id)
    assert (action["status"], action["outcome"]) == ("delivered", None)
    (attempt,) = action["delivery_attempts"]
    assert attempt["outcome_refusal"] == refusal
    assert attempt["response"].startswith('{"outcome"')
    assert report(path).status_code == 200


@pytest.mark.no_database
@pytest.mark.parametrize(
    "body", ["", "ok", "{}", "[]", '"outcome"', '["outcome"]', '{"a": {"outcome": 1}}', '{"b": "\\"outcome\\""}', "{"]
)
def test_answer__that_speaks_of_no_outcome__has_none_and_is_not_refused(body: str) -> None:
    assert read(body) == (None, "")


def test_answer__that_is_no_success__has_no_outcome(shop: Merchant, inbox: Receiver) -> None:
    inbox.answer = Answer(500, body=b'{"outcome": {"status": "completed"}}')
    id, _ = sent(shop, inbox)

    action = shown(shop, id)
    assert (action["status"], action["outcome"]) == ("dispatched", None)
    assert action["delivery_attempts"][0]["outcome_refusal"] is None

    inbox.answer = Answer(200, body=b'{"outcome": {"status": "ignored"}}')
    make_due()
    work()
    assert shown(shop, id)["outcome"]["status"] == "ignored"


def test_answer__after_the_outcome_was_reported__changes_nothing(shop: Merchant, inbox: Receiver) -> None:
    def answer(received: Any) -> Answer:
        path = f"{ACTIONS}/{received.json['action_id']}/outcome"
        assert shop.api.post(path, {"status": "rejected"}).status_code == 200
        connections["default"].close()
        return Answer(200, body=b'{"outcome": {"status": "completed"}}')

    inbox.answer = answer
    id, _ = sent(shop, inbox)

    reported = shown(shop, id)["outcome"]
    assert (reported["status"], reported["reported_by"]) == ("rejected", "tenant")


def test_answer__its_refusal__is_shown_to_staff(shop: Merchant, inbox: Receiver, viewer: Any) -> None:
    inbox.answer = Answer(200, body=b'{"outcome": {"status": "done"}}')
    id, path = sent(shop, inbox)
    assert report(path).status_code == 200

    page = viewer.get(f"/admin/delivery/actionrow/{id.replace('_', '_5F')}/change/").content.decode()

    assert "Not taken: invalid_choice" in page
    assert "Whoever was sent the outcome URL" in page
