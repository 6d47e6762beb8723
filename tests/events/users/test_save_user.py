import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.conftest import Api, Server
from tests.events.users.people import USERS, get, save, track


def test_save__only_an_id__makes_a_user_of_which_nothing_is_known(merchant: Api) -> None:
    response = merchant.post(USERS, {"user_id": "u1"})

    assert response.status_code == 201
    user = response.json()["user"]
    assert user.pop("created_at").endswith("Z")
    assert user.pop("stage_changed_at").endswith("Z")
    assert user == {
        "id": "u1",
        "name": "",
        "email": "",
        "company": "",
        "role": "",
        "team_size": None,
        "locale": "",
        "opted_out": False,
        "lifecycle_stage": "new",
        "health": 0.0,
        "activation_score": 0.0,
        "engagement_score": 0.0,
        "expansion_score": 0.0,
        "risk_level": "low",
        "last_activity_at": None,
        "traits": {},
        "next_action": None,
        "milestones": [{"name": name, "reached_at": None} for name in ("identified", "came_back", "explored")],
    }
    assert get(merchant, "u1")["id"] == "u1"


NAMED = {"name": "Ada", "email": "a@x.example", "company": "X", "role": "owner", "locale": "en", "team_size": 4}


@pytest.mark.parametrize("body", [NAMED, {"traits": NAMED}, {**NAMED, "traits": NAMED}])
def test_save__named_traits__stand_in_both_places_wherever_they_were_sent(merchant: Api, body: dict[str, Any]) -> None:
    user = save(merchant, "u1", **body)

    assert {name: user[name] for name in NAMED} == NAMED
    assert user["traits"] == NAMED


@pytest.mark.parametrize("inside", ["Eve", None])
def test_save__named_trait_sent_in_both_places__the_one_beside_wins(merchant: Api, inside: Any) -> None:
    user = save(merchant, "u1", name="Ada", traits={"name": inside})

    assert (user["name"], user["traits"]) == ("Ada", {"name": "Ada"})


def test_save__again__merges_and_is_200(merchant: Api) -> None:
    save(merchant, "u1", name="Ada", role="owner", traits={"plan": {"tier": "pro", "seats": 3}, "x": 1})

    response = merchant.post(USERS, {"user_id": "u1", "role": None, "traits": {"plan": {"seats": 4}, "x": None}})

    assert response.status_code == 200
    user = response.json()["user"]
    assert (user["name"], user["role"]) == ("Ada", "")
    assert user["traits"] == {"name": "Ada", "plan": {"tier": "pro", "seats": 4}}


def test_save__a_user_that_was_only_tracked__is_200_and_keeps_what_identify_said(merchant: Api) -> None:
    track(merchant, {"user_id": "u1", "event": "$identify", "properties": {"name": "Ada", "plan": "pro"}})

    response = merchant.post(USERS, {"user_id": "u1", "email": "a@x.example"})

    assert response.status_code == 200
    assert response.json()["user"]["name"] == "Ada"
    assert response.json()["user"]["traits"] == {"name": "Ada", "plan": "pro", "email": "a@x.example"}
    assert response.json()["user"]["last_activity_at"] is None


def test_save__events_after_it__find_the_user(merchant: Api) -> None:
    save(merchant, "u1", name="Ada")

    track(merchant, {"user_id": "u1", "event": "clicked"})

    assert get(merchant, "u1")["name"] == "Ada"
    assert get(merchant, "u1")["last_activity_at"].endswith("Z")


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"user_id": None}, "/user_id", "null"),
        ({"user_id": ""}, "/user_id", "blank"),
        ({"user_id": 5}, "/user_id", "not_a_string"),
        ({"user_id": "x" * 256}, "/user_id", "max_length"),
        ({"user_id": "stats"}, "/user_id", "reserved"),
        ({"user_id": ".."}, "/user_id", "reserved"),
        ({"plan": "pro"}, "/plan", "unknown_field"),
        ({"opted_out": True}, "/opted_out", "unknown_field"),
        ({"lifecycle_stage": "active"}, "/lifecycle_stage", "unknown_field"),
        ({"name": 5}, "/name", "not_a_string"),
        ({"name": "x" * 256}, "/name", "max_length"),
        ({"team_size": -1}, "/team_size", "min_value"),
        ({"team_size": 2**31}, "/team_size", "max_value"),
        ({"team_size": "4"}, "/team_size", "not_an_integer"),
        ({"team_size": True}, "/team_size", "not_an_integer"),
        ({"traits": []}, "/traits", "not_an_object"),
        ({"traits": None}, "/traits", "null"),
        ({"traits": {"name": 5}}, "/traits/name", "not_a_string"),
        ({"traits": {"email": "x" * 256}}, "/traits/email", "max_length"),
        ({"traits": {"team_size": "many"}}, "/traits/team_size", "not_an_integer"),
    ],
)
def test_save__bad_field__is_400_names_it_and_makes_no_user(
    merchant: Api, fields: dict[str, Any], pointer: str, code: str
) -> None:
    response = merchant.post(USERS, {"user_id": "u1", **fields})

    assert response.status_code == 400
    assert [(error["pointer"], error["code"]) for error in response.json()["errors"]] == [(pointer, code)]
    assert merchant.get(USERS).json()["total"] == 0


def test_save__no_id__is_400(merchant: Api) -> None:
    (error,) = merchant.post(USERS, {"name": "Ada"}).json()["errors"]

    assert (error["pointer"], error["code"]) == ("/user_id", "required")


def test_save__with_an_idempotency_key__is_done_once(merchant: Api) -> None:
    first, second = (merchant.post(USERS, {"user_id": "u1"}, Idempotency_Key="k") for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert second.headers["Idempotency-Replayed"] == "true"


def test_save__twenty_of_one_new_user_in_parallel__is_new_once(merchant: Api, server: Server) -> None:
    def post(number: int) -> httpx.Response:
        return server.send(merchant, "POST", USERS, {"user_id": "u1", "traits": {f"t{number}": number}})

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(post, range(20)))

    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert get(merchant, "u1")["traits"] == {f"t{number}": number for number in range(20)}
    assert merchant.get(USERS).json()["total"] == 1


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b"5",
        b'{"user_id": "a\\u0000"}',
        b'{"user_id": "\\ud800"}',
        b'{"user_id": "u", "traits": {"\\u0000": 1}}',
        b'{"user_id": "u", "traits": ' + b'{"a":' * 40 + b"1" + b"}" * 41,
        json.dumps({"user_id": ["u"]}).encode(),
    ],
)
def test_save__rubbish__is_400(merchant: Api, body: bytes) -> None:
    response = merchant.post(USERS, body)

    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"


def test_save__traits_too_large__is_413_and_makes_no_user(merchant: Api) -> None:
    response = merchant.post(USERS, {"user_id": "u1", "traits": {"a": "x" * 66_000}})

    assert (response.status_code, response.json()["code"]) == (413, "traits_too_large")
    assert merchant.get("/api/customers/u1").status_code == 404
