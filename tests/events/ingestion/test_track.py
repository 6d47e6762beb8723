import json
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from tenants.context import staff_context
from tenants.models import Scope
from tenants.services import issue_key
from tests.conftest import Api
from tests.events.cast import count, event, rows, track, usage

PATH = "/api/track"


# --- What is taken --------------------------------------------------------------------------------------------------


def test_track__a_batch__is_stored_with_its_users(merchant: Api) -> None:
    moment = "2026-11-01T10:00:00Z"

    answer = track(merchant, event("u1", properties={"a": 1}, timestamp=moment), event("u2"), event("u1"))

    assert answer == {"accepted": 3, "duplicates": 0, "rejected": []}
    assert count(merchant, "events_event") == 3
    stored = rows(merchant, "SELECT name, properties, timestamp, source FROM events_event WHERE properties <> '{}'")
    assert stored == [("clicked", '{"a": 1}', datetime.fromisoformat(moment), "track")]
    users = rows(merchant, "SELECT user_id, scored_at IS NOT NULL FROM events_trackeduser ORDER BY 1")
    assert users == [("u1", True), ("u2", True)]
    assert usage(merchant) == (3, 2)


def test_track__no_timestamp__is_now(merchant: Api) -> None:
    track(merchant, event())

    ((age,),) = rows(merchant, "SELECT now() - timestamp FROM events_event")
    assert timedelta(0) <= age < timedelta(minutes=1)


def test_track__empty_batch__takes_nothing(merchant: Api) -> None:
    assert track(merchant) == {"accepted": 0, "duplicates": 0, "rejected": []}


def test_track__members_it_does_not_know__are_ignored(merchant: Api) -> None:
    assert track(merchant, event(context={"ip": "::1"}))["accepted"] == 1


def test_track__another_tenant__sees_nothing_of_it(acme: Api, merchant: Api) -> None:
    other = acme.provision("other")
    track(merchant, event(idempotency_key="k"))

    for foreign in (acme, other):
        for table in ("event", "storedkey", "trackeduser", "monthlyactivity", "monthlyusage"):
            assert count(foreign, f"events_{table}") == 0
    assert track(other, event(idempotency_key="k"))["accepted"] == 1


def test_track__partner_key_without_full_access__is_403(acme: Api) -> None:
    with staff_context():
        key = issue_key(actor="test", tenant_id=acme.tenant_id, scopes=[Scope.PARTNER])

    response = Api(acme.tenant_id, key.text).post(PATH, {"events": [event()]})

    assert (response.status_code, response.json()["code"]) == (403, "full_scope_required")


# --- What is not ----------------------------------------------------------------------------------------------------

AHEAD = (datetime.now(UTC) + timedelta(hours=25)).isoformat()


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (5, "invalid_event"),
        (None, "invalid_event"),
        ({}, "invalid_user_id"),
        ({"user_id": "u"}, "invalid_event"),
        (event(""), "invalid_user_id"),
        (event("x" * 256), "invalid_user_id"),
        (event(5), "invalid_user_id"),  # type: ignore[arg-type]
        (event("stats"), "invalid_user_id"),
        (event("."), "invalid_user_id"),
        (event(".."), "invalid_user_id"),
        (event("a\0b"), "nul_character"),
        (event("u", ""), "invalid_event"),
        (event(properties=[]), "invalid_properties"),
        (event(properties={"a\0": 1}), "nul_character"),
        (event(properties={"a": [{"b": "\0"}]}), "nul_character"),
        (event(timestamp="yesterday"), "invalid_timestamp"),
        (event(timestamp="2026-11-01T10:00:00"), "invalid_timestamp"),
        (event(timestamp=AHEAD), "invalid_timestamp"),
        (event(timestamp="0001-01-01T00:00:00Z"), "invalid_timestamp"),
        (event(timestamp=1700000000), "invalid_timestamp"),
        (event(idempotency_key=""), "invalid_idempotency_key"),
        (event(idempotency_key="x" * 129), "invalid_idempotency_key"),
        (event(idempotency_key=7), "invalid_idempotency_key"),
        (event(set=[]), "invalid_set"),
        (event(set_once="x"), "invalid_set_once"),
        (event(set={"a": "\0"}), "nul_character"),
        (event(set_once={"a\0": 1}), "nul_character"),
    ],
)
def test_track__one_bad_event__never_sinks_its_neighbours(merchant: Api, bad: Any, code: str) -> None:
    answer = track(merchant, event("before"), bad, event("after"))

    assert answer["accepted"] == 2
    assert [(rejection["index"], rejection["code"]) for rejection in answer["rejected"]] == [(1, code)]
    assert count(merchant, "events_event") == 2


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'"properties": {"a": 1e999}', "invalid_properties"),
        (b'"properties": {"a": ' + b"9" * 5000 + b"}", "invalid_properties"),
        (b'"properties": {"a": "\\ud800"}', "malformed_json"),
        (b'"properties": {"a": "\\udc00 \\ud83d\\ude00"}', "malformed_json"),
        (b'"properties": {"a": "\\\\ud800 \\ud83d\\ude00"}', None),
        (b'"properties": {"a": "\xff"}', "malformed_json"),
        (b'"properties": {"a": ' + b"[" * 30 + b"]" * 30 + b"}", None),
        (b'"properties": {"a": ' + b"[" * 300 + b"]" * 300 + b"}", "nested_too_deep"),
    ],
)
def test_track__rubbish_in_one_event__is_its_alone(merchant: Api, raw: bytes, code: str | None) -> None:
    body = b'{"events": [{"user_id": "u", "event": "e"}, {"user_id": "u", "event": "e", ' + raw + b"}]}"

    response = merchant.post(PATH, body)

    assert response.status_code == 200, response.content
    assert [rejection["code"] for rejection in response.json()["rejected"]] == ([code] if code else [])


def test_track__literal_backslash_u0000__is_text(merchant: Api) -> None:
    assert track(merchant, event(properties={"a": "\\u0000"}))["accepted"] == 1


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"5", b"null", b"{}", b'{"events": {}}', b'{"events": null}', b'{"events": [1,}', b"\xff"]
)
def test_track__no_batch_at_all__is_400(merchant: Api, body: bytes) -> None:
    response = merchant.post(PATH, body)

    assert (response.status_code, response.json()["code"]) == (400, "malformed_batch")


@pytest.mark.parametrize("depth", [32, 942, 10_000, 300_000])
@pytest.mark.parametrize("member", ["properties", "set", "set_once", "unknown"])
def test_track__event_nested_too_deep__is_refused_alone(merchant: Api, depth: int, member: str) -> None:
    deep = b'{"user_id": "u", "event": "e", "%s": {"a": %s}}' % (member.encode(), b"[" * depth + b"]" * depth)
    good = b'{"user_id": "u", "event": "e", "properties": {"a": %s}}' % (b"[" * 30 + b"]" * 30)

    for _ in range(2):  # the user is known the second time, so that the plain way is tried first
        answer = merchant.post(PATH, b'{"events": [%s, %s]}' % (deep, good)).json()
        if member == "unknown":  # is none of ours, and dropped unread
            assert answer["accepted"] == 2
        else:
            assert [(found["index"], found["code"]) for found in answer["rejected"]] == [(0, "nested_too_deep")]
            assert answer["accepted"] == 1


def test_track__that_is_no_batch_and_deep__is_400(merchant: Api) -> None:
    for body in (
        b"[" * 100_000,
        b'{"events": [' + b"[" * 10_000,
        b'{"events": {"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}}",
    ):
        response = merchant.post(PATH, body)
        assert (response.status_code, response.json()["code"]) == (400, "malformed_batch")


def test_track__a_hundred_events__are_taken_and_one_more_is_413(merchant: Api) -> None:
    assert track(merchant, *[event()] * 100)["accepted"] == 100

    response = merchant.post(PATH, {"events": [event()] * 101})
    assert (response.status_code, response.json()["code"]) == (413, "batch_too_large")
    assert count(merchant, "events_event") == 100


# --- Traits and mappings --------------------------------------------------------------------------------------------


def test_identify__traits__are_merged_into_the_user(merchant: Api) -> None:
    track(merchant, event("u1", "$identify", properties={"name": "Ada", "plan": "free", "team_size": 4}))
    track(
        merchant,
        event("u1", "$identify", properties={"plan": "pro", "email": "ada@example.com"}),
        event("u1", "$identify", properties={"plan": "max", "name": 5, "team_size": "many"}),
    )

    (user,) = rows(merchant, "SELECT name, email, team_size, traits FROM events_trackeduser")
    assert user[:3] == ("", "ada@example.com", None)  # what a named trait cannot be removes it
    assert json.loads(user[3]) == {"plan": "max", "email": "ada@example.com"}


def test_set__with_any_event__is_merged_and_set_once_below_all(merchant: Api) -> None:
    track(merchant, event("u1", set={"plan": "free"}, set_once={"source": "ad", "plan": "x", "email": "a@example.com"}))
    track(
        merchant,
        event("u1", set_once={"source": "mail", "name": "Bob", "team_size": 3}),
        event("u1", set_once={"name": "Eve", "company": "Acme", "email": "b@example.com"}),
        event("u1", "$identify", properties={"company": "Umbrella"}, set_once={"team_size": 9}),
        event("u2", set_once={"role": "chef"}),
    )

    users = rows(
        merchant,
        "SELECT user_id, name, email, company, role, team_size, traits::text FROM events_trackeduser ORDER BY 1",
    )
    assert [user[:6] for user in users] == [
        ("u1", "Bob", "a@example.com", "Umbrella", "", 3),
        ("u2", "", "", "", "chef", None),
    ]
    assert json.loads(users[0][6]) == {
        "plan": "free",
        "source": "ad",
        "email": "a@example.com",
        "name": "Bob",
        "team_size": 3,
        "company": "Umbrella",
    }


@pytest.mark.parametrize("member", ["properties", "set", "set_once"])
def test_traits__too_large_with_their_numbers_written_out__refuse_their_event(merchant: Api, member: str) -> None:
    """`1e-300` has 302 digits in the database, and in every answer that shows the user."""

    def identify(first: int, count: int) -> Any:
        sent = {f"n{number}": 1e-300 for number in range(first, first + count)}
        return track(merchant, event("u1", "$identify", **{member: sent}))

    assert identify(0, 150)["accepted"] == 1
    assert [each["code"] for each in identify(150, 150)["rejected"]] == ["traits_too_large"]
    assert rows(merchant, "SELECT octet_length(traits::text) < 65536 FROM events_trackeduser") == [(True,)]
    assert identify(0, 150)["accepted"] == 1


def test_set__of_an_event_sent_again__changes_nothing(merchant: Api) -> None:
    track(merchant, event(set={"plan": "free"}, idempotency_key="k"))
    track(merchant, event(set={"plan": "pro"}))
    track(merchant, event(set={"plan": "free"}, idempotency_key="k"))

    assert rows(merchant, "SELECT traits::text FROM events_trackeduser") == [('{"plan": "pro"}',)]


def test_properties__above_64_kib__refuse_their_event_alone(merchant: Api) -> None:
    fits, large = {"a": "x" * (65_536 - len('{"a":""}'))}, {"a": "x" * 65_536}

    answer = track(merchant, event("u1", properties=fits), event("u1", properties=large), event("u2", "$identify"))

    assert answer["accepted"] == 2
    assert [(found["index"], found["code"]) for found in answer["rejected"]] == [(1, "properties_too_large")]
    assert count(merchant, "events_event") == 2


@pytest.mark.parametrize("number", [b"1e-300", b"1E300", b"1.5e+300"])
def test_properties__above_64_kib_with_their_numbers_written_out__refuse_their_event(
    merchant: Api, number: bytes
) -> None:
    body = b'{"events": [{"user_id": "u1", "event": "e", "properties": {"a": [%b]}}, {"user_id": "u2", "event": "e"}]}'

    fits = merchant.post(PATH, body % b",".join([number] * 200)).json()
    large = merchant.post(PATH, body % b",".join([number] * 300)).json()

    assert fits == {"accepted": 2, "duplicates": 0, "rejected": []}
    assert large["accepted"] == 1
    assert [(found["index"], found["code"]) for found in large["rejected"]] == [(0, "properties_too_large")]


def test_traits__that_would_grow_too_large__refuse_their_event_alone(merchant: Api) -> None:
    half, full = "x" * 32_000, "y" * 66_000

    answer = track(
        merchant,
        event("u1", "$identify", properties={"a": half}),
        event("u1", set={"b": half}),
        event("u1", "$identify", properties={"c": half}),
        event("u1", set={"a": "short"}),
        event("u1", set_once={"c": half}),
        event("u2", set={"a": full}),
        event("u2"),
    )

    assert answer["accepted"] == 5
    assert [(found["index"], found["code"]) for found in answer["rejected"]] == [
        (2, "traits_too_large"),
        (5, "traits_too_large"),
    ]
    kept = rows(merchant, "SELECT user_id, traits::text FROM events_trackeduser ORDER BY 1")
    assert [(user, json.loads(traits)) for user, traits in kept] == [
        ("u1", {"a": "short", "b": half, "c": half}),
        ("u2", {}),
    ]

    again = track(merchant, event("u1", set={"b": half}), event("u1", set={"d": half}), event("u1", set={"d": 1}))
    assert [found["index"] for found in again["rejected"]] == [1]


def test_mapping__of_a_shared_integration__renames_and_keeps_the_original(acme: Api) -> None:
    acme.register(event_mappings=[{"from": "order.completed", "to": "purchase", "properties": {"amount": "value"}}])
    merchant = acme.provision("merchant")

    track(merchant, event("u", "order.completed", properties={"amount": 5, "sku": "x"}), event("u", "other"))

    stored = rows(merchant, "SELECT name, original_name, properties::text FROM events_event ORDER BY name")
    assert stored == [("other", None, "{}"), ("purchase", "order.completed", '{"sku": "x", "value": 5}')]


@pytest.mark.parametrize(
    ("names", "sent", "kept"),
    [
        ({"amount": "value"}, {"amount": 5, "value": 9}, {"value": 5}),
        ({"amount": "value"}, {"value": 9}, {"value": 9}),
        ({"amount": "value"}, {"amount": None, "value": 9}, {"value": None}),
        ({"amount": "amount"}, {"amount": 5}, {"amount": 5}),
        ({"a": "b", "b": "a"}, {"a": 1, "b": 2}, {"a": 2, "b": 1}),
        ({"a": "b", "b": "c"}, {"a": 1, "b": 2, "c": 3}, {"b": 1, "c": 2}),
        ({"total": "value", "amount": "value"}, {"total": 1, "amount": 2, "value": 3}, {"value": 2}),
        ({"total": "value", "amount": "value"}, {"total": 1, "value": 3}, {"value": 1}),
    ],
)
def test_mapping__of_a_property_that_was_sent_too__wins_in_any_order(
    acme: Api, names: dict[str, str], sent: dict[str, Any], kept: dict[str, Any]
) -> None:
    acme.register(event_mappings=[{"from": "bought", "to": "purchase", "properties": names}])
    merchant = acme.provision("merchant")
    orders = [dict(order) for order in permutations(sent.items())]

    track(merchant, *(event("u", "bought", properties=properties) for properties in orders))

    stored = rows(merchant, "SELECT properties::text FROM events_event")
    assert [json.loads(properties) for (properties,) in stored] == [kept] * len(orders)


def test_external_events__with_a_provider__apply_its_mappings_alone(acme: Api) -> None:
    acme.register("one", event_mappings=[{"from": "a", "to": "a_of_one"}])
    acme.register("two", event_mappings=[{"from": "a", "to": "a_of_two"}])
    merchant = acme.provision("merchant")

    response = merchant.post("/api/external/events", {"provider": "two", "events": [event("u", "a")]})
    merchant.post("/api/external/events", {"provider": "three", "events": [event("u", "a")]})
    track(merchant, event("u", "a"))

    assert response.json() == {"accepted": 1, "duplicates": 0, "rejected": []}
    stored = rows(merchant, "SELECT name, source FROM events_event ORDER BY received_at")
    assert stored == [("a_of_two", "external"), ("a", "external"), ("a_of_one", "track")]


@pytest.mark.parametrize("body", [{"events": []}, {"provider": "", "events": []}, {"provider": 5, "events": []}])
def test_external_events__without_a_provider__is_400(merchant: Api, body: Any) -> None:
    assert merchant.post("/api/external/events", body).status_code == 400
