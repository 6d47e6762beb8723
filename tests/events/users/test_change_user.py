from typing import Any

import pytest

from tests.conftest import Api
from tests.events.users.people import get, path, save, track


def test_change__some_fields__leaves_the_others_and_null_removes(merchant: Api) -> None:
    save(merchant, "u1", name="Ada", role="owner", team_size=4, traits={"plan": {"tier": "pro", "seats": 3}, "x": 1})

    response = merchant.patch(
        path("u1"), {"role": None, "team_size": None, "locale": "en", "traits": {"plan": {"seats": None}, "x": None}}
    )

    assert response.status_code == 200
    user = response.json()["customer"]
    assert (user["name"], user["role"], user["team_size"], user["locale"]) == ("Ada", "", None, "en")
    assert user["traits"] == {"name": "Ada", "locale": "en", "plan": {"tier": "pro"}}
    assert user == get(merchant, "u1")


def test_change__named_trait_inside_traits__changes_its_column(merchant: Api) -> None:
    save(merchant, "u1", name="Ada", email="ada@x.example")

    merchant.patch(path("u1"), {"traits": {"name": "Eve", "email": None}})

    user = get(merchant, "u1")
    assert (user["name"], user["email"], user["traits"]) == ("Eve", "", {"name": "Eve"})


def test_change__nothing__changes_nothing(merchant: Api) -> None:
    before = save(merchant, "u1", name="Ada", traits={"x": 1})

    assert merchant.patch(path("u1"), {}).json()["customer"] == before


def test_opt_out__is_kept_through_other_changes_and_events_are_still_taken(merchant: Api) -> None:
    save(merchant, "u1")

    assert merchant.patch(path("u1"), {"opted_out": True}).json()["customer"]["opted_out"] is True
    merchant.patch(path("u1"), {"name": "Ada"})
    track(merchant, {"user_id": "u1", "event": "clicked"})

    assert get(merchant, "u1")["opted_out"] is True
    assert get(merchant, "u1")["last_activity_at"] is not None
    assert merchant.patch(path("u1"), {"opted_out": False}).json()["customer"]["opted_out"] is False


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"user_id": "u2"}, "/user_id", "unknown_field"),
        ({"id": "u2"}, "/id", "unknown_field"),
        ({"engagement_score": 1}, "/engagement_score", "unknown_field"),
        ({"opted_out": "true"}, "/opted_out", "invalid"),
        ({"opted_out": 1}, "/opted_out", "invalid"),
        ({"opted_out": None}, "/opted_out", "null"),
        ({"name": ["Ada"]}, "/name", "not_a_string"),
        ({"traits": {"locale": {}}}, "/traits/locale", "not_a_string"),
        ({"team_size": 1.5}, "/team_size", "not_an_integer"),
        ([], "", "invalid"),
    ],
)
def test_change__bad_field__is_400_and_changes_nothing(merchant: Api, body: Any, pointer: str, code: str) -> None:
    before = save(merchant, "u1", name="Ada")

    response = merchant.patch(path("u1"), body)

    assert response.status_code == 400
    assert [(error["pointer"], error["code"]) for error in response.json()["errors"]] == [(pointer, code)]
    assert get(merchant, "u1") == before


def test_change__no_such_user__is_404_and_makes_none(merchant: Api) -> None:
    assert merchant.patch(path("u1"), {"name": "Ada"}).status_code == 404
    assert merchant.get(path("u1")).status_code == 404


@pytest.mark.parametrize("number", ["1e22", "1e308", "-1e300", "9" * 30, "1e-300", "0.1"])
def test_change__beside_a_number_that_only_identify_takes__keeps_it(merchant: Api, number: str) -> None:
    """PostgreSQL writes 1e22 as an integer, and one that no 64 bits hold."""
    body = b'{"events": [{"user_id": "u1", "event": "$identify", "properties": {"n": %s}}]}' % number.encode()
    assert merchant.post("/api/track", body).json()["accepted"] == 1

    assert merchant.patch(path("u1"), {"traits": {"x": 1}}).status_code == 200
    traits = get(merchant, "u1")["traits"]
    assert (float(traits["n"]), traits["x"]) == (float(number), 1)


def test_change__traits_too_large_with_their_numbers_written_out__is_413(merchant: Api) -> None:
    save(merchant, "u1", traits={f"n{number}": 1e-300 for number in range(150)})

    response = merchant.patch(path("u1"), {"traits": {f"m{number}": 1e300 for number in range(150)}})

    assert (response.status_code, response.json()["code"]) == (413, "traits_too_large")
    assert merchant.patch(path("u1"), {"traits": {f"n{number}": 1e300 for number in range(150)}}).status_code == 200


def test_change__traits_that_would_grow_too_large__is_413_and_changes_nothing(merchant: Api) -> None:
    before = save(merchant, "u1", traits={"a": "x" * 40_000})

    response = merchant.patch(path("u1"), {"traits": {"b": "x" * 40_000}})

    assert (response.status_code, response.json()["code"]) == (413, "traits_too_large")
    assert get(merchant, "u1") == before
    assert merchant.patch(path("u1"), {"traits": {"a": None, "b": "x" * 40_000}}).status_code == 200
