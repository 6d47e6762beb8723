"""Rejected events: what is told of each, from each intake, and what a flood of them leaves behind."""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from events import partitions
from events.ingestion import rejections
from tenants.context import tenant_context
from tests.buffers import reads
from tests.conftest import Api, Server
from tests.events.cast import TRACK, change_tenant, event
from tests.owner import as_owner
from tests.retivo.api.test_openapi import OPERATIONS, assert_conforms

REJECTED = "/api/events/rejected"


def send(api: Api, *events: Any, path: str = TRACK, **members: Any) -> list[dict[str, Any]]:
    """The rejections in the answer."""
    response = api.post(path, {"events": list(events), **members})
    assert response.status_code == 200, response.content
    found: list[dict[str, Any]] = response.json()["rejected"]
    return found


def rejected(api: Api, **query: Any) -> list[dict[str, Any]]:
    """In the order of their batch."""
    response = api.get(REJECTED, query)
    assert response.status_code == 200, response.content
    content = OPERATIONS["listRejectedEvents"]["responses"]["200"]["content"]["application/json"]
    assert_conforms(response.json(), content["schema"])
    return sorted(response.json()["rejected"], key=lambda each: (each["rejected_at"], each["index"]))


BAD: list[tuple[Any, tuple[str, str | None, str | None, str | None]]] = [
    (7, ("invalid_event", None, None, None)),
    ({}, ("invalid_user_id", "user_id", None, None)),
    ({"user_id": "u"}, ("invalid_event", "event", "u", None)),
    (event("u", "e", timestamp="never"), ("invalid_timestamp", "timestamp", "u", "e")),
    (event("u", "e", timestamp="1960-01-01T00:00:00Z"), ("invalid_timestamp", "timestamp", "u", "e")),
    (event("u", "e", properties=[]), ("invalid_properties", "properties", "u", "e")),
    (event("u", "e", properties={"a": "x" * 70_000}), ("properties_too_large", "properties", "u", "e")),
    (event("u", "e", properties={"a": "\0"}), ("nul_character", "properties", "u", "e")),
    (event("u\0v", "e"), ("nul_character", "user_id", "u\ufffdv", "e")),
    (event("u", "\0"), ("nul_character", "event", "u", "\ufffd")),
    (event("u", "e", set={"\0": 1}), ("nul_character", "set", "u", "e")),
    ({"user_id": 4711, "event": "e"}, ("invalid_user_id", "user_id", "4711", "e")),
    ({"user_id": ["u"], "event": "e"}, ("invalid_user_id", "user_id", None, "e")),
    (event("stats", "e"), ("invalid_user_id", "user_id", "stats", "e")),
    (event("u" * 300, "e"), ("invalid_user_id", "user_id", "u" * 255, "e")),
    (event("u", "e", idempotency_key=""), ("invalid_idempotency_key", "idempotency_key", "u", "e")),
    (event("u", "$identify", properties={"a": "x" * 66_000}), ("properties_too_large", "properties", "u", "$identify")),
]


def test_track__bad_events__are_told_with_rule_and_field(merchant: Api) -> None:
    answer = send(merchant, *(sent for sent, _ in BAD), event("good"))

    found = rejected(merchant)

    assert [each["index"] for each in found] == [each["index"] for each in answer] == list(range(len(BAD)))
    for told, in_answer, (_, (code, field, user_id, name)) in zip(found, answer, BAD, strict=True):
        assert (told["code"], told["detail"]) == (in_answer["code"], in_answer["detail"])
        assert (told["code"], told["field"], told["user_id"], told["event"]) == (code, field, user_id, name)
    assert {each["source"] for each in found} == {"track"}
    assert all(each["request_id"] for each in found)


def test_track__under_a_request_id_of_the_callers_own__keeps_none(merchant: Api) -> None:
    """It may hold the id of somebody who is erased later."""
    body = {"events": [event(timestamp="never")]}
    for own in ("grace@example.com", "grace", secrets.token_hex(16), ""):
        answer = merchant.post("/api/track", body, X_Request_Id=own)
        is_taken = own not in ("grace@example.com", "")  # the others are no sane ids, and we made one
        assert (answer.headers["X-Request-Id"] == own) == is_taken

        kept = rejected(merchant)[-1]["request_id"]

        assert kept == ("" if is_taken else answer.headers["X-Request-Id"])


@pytest.mark.parametrize("half", [rb"\ud800", rb"\udc00", rb"\ud800\ud800"])
def test_track__half_a_surrogate_pair__is_told_and_stored_as_text(merchant: Api, half: bytes) -> None:
    body = b'{"events": [{"user_id": "u%b", "event": "e"}]}' % half
    assert len(merchant.post(TRACK, body).json()["rejected"]) == 1

    (found,) = rejected(merchant)

    assert (found["code"], found["event"]) == ("malformed_json", "e")
    assert found["user_id"].startswith("u\ufffd")


def test_track__above_a_limit__is_told(merchant: Api) -> None:
    change_tenant(merchant, tracked_user_limit=1)
    send(merchant, event("first"))
    send(merchant, event("second", "bought"))
    for number in range(2):
        large = {str(number): "x" * 60_000}
        send(merchant, event("first", "bought", set=large))

    found = rejected(merchant)

    assert [(each["code"], each["field"], each["user_id"], each["event"]) for each in found] == [
        ("tracked_user_limit_reached", "user_id", "second", "bought"),
        ("traits_too_large", "set", "first", "bought"),
    ]


SOURCES: list[tuple[str, str, Any]] = [
    ("track", TRACK, {"events": [{"user_id": "u", "event": "e", "timestamp": "never"}]}),
    (
        "external",
        "/api/external/events",
        {"provider": "acme", "events": [{"user_id": "u", "event": "e", "timestamp": "never"}]},
    ),
    (
        "segment",
        "/api/connectors/segment/v1/batch",
        {"batch": [{"type": "track", "userId": "u", "event": "e", "timestamp": "never"}]},
    ),
    (
        "posthog",
        "/api/connectors/posthog/batch",
        {"batch": [{"distinct_id": "u", "event": "e", "timestamp": "never", "properties": {}}]},
    ),
    (
        "mixpanel",
        "/api/connectors/mixpanel/import",
        [{"event": "e", "properties": {"distinct_id": "u", "time": "never"}}],
    ),
]


@pytest.mark.parametrize(("source", "path", "body"), SOURCES, ids=[source for source, *_ in SOURCES])
def test_source__of_each_intake__is_told(merchant: Api, source: str, path: str, body: Any) -> None:
    assert len(merchant.post(path, body).json()["rejected"]) == 1

    (found,) = rejected(merchant)

    assert (found["source"], found["code"], found["field"]) == (source, "invalid_timestamp", "timestamp")
    assert (found["user_id"], found["event"]) == ("u", "e")


def test_connector__an_event_with_anothers_key__is_told_without_its_data(merchant: Api, rival: Api) -> None:
    theirs = {"type": "track", "userId": "theirs", "event": "e", "writeKey": rival.key}
    merchant.post("/api/connectors/segment/v1/batch", {"batch": [theirs]})

    (found,) = rejected(merchant)

    assert (found["code"], found["user_id"], found["event"]) == ("other_api_key", None, None)
    assert rejected(rival) == []


def test_values__of_properties_and_traits__are_not_kept(merchant: Api) -> None:
    said = {"mail": "ada@x.example"}
    send(merchant, event("u", timestamp="never", properties=said, set=said, set_once=said, idempotency_key="ada@x.ex"))

    assert "ada@" not in json.dumps(rejected(merchant))
    assert "ada@" not in str(as_owner("SELECT r::text FROM events_rejection r"))


def test_accepted__batch__writes_and_asks_nothing_of_rejections(merchant: Api, statements: list[str]) -> None:
    send(merchant, event("u"))

    assert not any("events_rejection" in sql for sql in statements)


def test_rejected__batch__costs_one_statement(merchant: Api, statements: list[str]) -> None:
    send(merchant, event("u"))
    statements.clear()
    send(merchant, event("u"), *(event("u", timestamp="never") for _ in range(50)))

    assert len([sql for sql in statements if "events_rejection" in sql]) == 1


def test_answer__replayed__is_told_once(merchant: Api) -> None:
    body = {"events": [event("u", timestamp="never")]}
    for _ in range(3):
        assert merchant.post(TRACK, body, Idempotency_Key="k").status_code == 200

    assert len(rejected(merchant)) == 1


# --- Bounds ---------------------------------------------------------------------------------------------------------


def test_flood__of_one_kind__leaves_its_first_and_room_for_others(merchant: Api) -> None:
    for _ in range(5):
        send(merchant, *(event(timestamp="never") for _ in range(100)))
    send(merchant, event(properties=[]))
    merchant.post("/api/connectors/segment", {"type": "track", "userId": "u", "event": "e", "timestamp": "never"})

    kinds = [(each["source"], each["code"]) for each in rejected(merchant, limit=1000)]

    assert kinds.count(("track", "invalid_timestamp")) == rejections.OF_A_KIND
    assert ("track", "invalid_properties") in kinds
    assert ("segment", "invalid_timestamp") in kinds


def test_flood__of_many_kinds__leaves_what_an_hour_may_have(merchant: Api) -> None:
    kinds = [7, {}, {"user_id": "u"}, *({"user_id": "u", "event": "e", name: 7} for name in FIELDS)]
    for path, members in ((TRACK, {}), ("/api/external/events", {"provider": "p"})):
        send(merchant, *(kind for kind in kinds for _ in range(14)), path=path, **members)

    assert len(rejected(merchant, limit=1000)) == rejections.OF_AN_HOUR


FIELDS = ("properties", "idempotency_key", "timestamp")


def test_flood__from_many_at_once__is_answered_and_bounded(merchant: Api, rival: Api, server: Server) -> None:
    def flood(number: int) -> int:
        body = {"events": [event(f"u{number}", timestamp="never")] * 100}
        return server.send(merchant, "POST", TRACK, body).status_code

    with ThreadPoolExecutor(16) as threads:
        assert set(threads.map(flood, range(200))) == {200}

    # Those at the same moment may each add theirs.
    assert rejections.OF_A_KIND <= len(rejected(merchant, limit=1000)) <= 16 * rejections.OF_A_KIND
    assert rejected(rival) == []


def test_row__of_the_longest_texts__has_two_kibibytes_at_most(merchant: Api) -> None:
    for name in ("\U0001f600" * 400, "\0" * 400):
        send(merchant, {"user_id": name, "event": name, "timestamp": "never"})

    assert as_owner("SELECT count(*), max(pg_column_size(r)) < 2048 + 1024 FROM events_rejection r") == [(2, True)]


def test_flood__when_the_hour_is_full__reads_no_more_than_an_hour_has(merchant: Api) -> None:
    fill(merchant, hours=7 * 24)
    with reads() as read:
        send(merchant, *(event(timestamp="never") for _ in range(100)))

    (recording,) = [each for each in read if "events_rejection" in each.sql]
    assert recording.rows <= 2 * rejections.OF_AN_HOUR + 100
    assert recording.buffers <= 500


def test_next_hour__has_room_again(merchant: Api) -> None:
    fill(merchant, hours=3, newest=1)
    send(merchant, event(timestamp="never"))

    assert rejected(merchant, limit=1)
    assert as_owner("SELECT count(*) FROM events_rejection WHERE request_id <> 'filled'") == [(1,)]


def fill(api: Api, *, hours: int, newest: int = 0) -> None:
    """As many as an hour may have, in each of the last hours."""
    as_owner(
        "INSERT INTO events_rejection"
        " (tenant_id, ring, rejected_at, source, index, code, detail, user_id, event, request_id)"
        " SELECT %s, floor(extract(epoch FROM h.at) / 86400)::int %% 10, h.at, 'track', n, 'invalid_timestamp',"
        f" '', 'u' || n, 'e', 'filled' FROM generate_series(1, {rejections.OF_AN_HOUR}) n,"
        " generate_series(%s::int, %s::int) hour,"
        " LATERAL (SELECT date_trunc('hour', now(), 'UTC') - hour * interval '1 hour') AS h (at)",
        api.tenant_id,
        newest,
        newest + hours - 1,
    )


# --- The list -------------------------------------------------------------------------------------------------------


def test_list__of_the_fullest_week__reads_within_bounds_whatever_is_asked(merchant: Api, rival: Api) -> None:
    for api in (merchant, rival):
        fill(api, hours=7 * 24)
    since = (datetime.now(UTC) - timedelta(hours=5)).isoformat()
    for query in (
        {},
        {"limit": "1000"},
        {"source": "segment"},
        {"code": "nul_character", "source": "track"},
        {"user_id": "u7"},
        {"user_id": "nobody", "since": since},
    ):
        with reads() as read:
            response = merchant.get(REJECTED, query)
            assert response.status_code == 200, response.content
            if cursor := response.json()["next_cursor"]:
                assert merchant.get(REJECTED, {**query, "cursor": cursor}).status_code == 200
        assert read
        for each in read:
            assert each.rows <= 40_000, (query, each)
            assert each.buffers <= 40_000, (query, each)


def test_list__page_by_page__has_each_once_newest_first(merchant: Api) -> None:
    fill(merchant, hours=3)
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        body = merchant.get(REJECTED, {"limit": "70", **cursor}).json()
        found += body["rejected"]
        if body["next_cursor"] is None:
            break
        cursor = {"cursor": body["next_cursor"]}

    assert len({(each["rejected_at"], each["index"]) for each in found}) == len(found) == 3 * rejections.OF_AN_HOUR
    assert [each["rejected_at"] for each in found] == sorted((each["rejected_at"] for each in found), reverse=True)


def test_list__filtered__has_what_matches(merchant: Api) -> None:
    send(merchant, event("a", timestamp="never"), event("b", properties=[]))
    send(merchant, event("a", timestamp="never"), path="/api/external/events", provider="p")

    assert len(rejected(merchant, user_id="a")) == 2
    assert len(rejected(merchant, user_id="a", source="external")) == 1
    assert [each["user_id"] for each in rejected(merchant, code="invalid_properties")] == ["b"]
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert rejected(merchant, since=later) == []


@pytest.mark.parametrize(
    "query", [{"cursor": "x"}, {"since": "yesterday"}, {"limit": "0"}, {"user_id": "\0"}, {"colour": "red"}]
)
def test_list__a_malformed_query__is_refused(merchant: Api, query: dict[str, str]) -> None:
    response = merchant.get(REJECTED, query)

    assert (response.status_code, response.json()["code"]) == (400, "validation_failed")


def test_list__of_another_tenant__is_not_to_be_seen(acme: Api, merchant: Api, rival: Api) -> None:
    send(merchant, event(timestamp="never"))

    assert rejected(acme) == rejected(rival) == []


# --- Seven days -----------------------------------------------------------------------------------------------------


def test_list__of_what_is_older_than_seven_days__has_nothing(merchant: Api) -> None:
    fill(merchant, hours=2, newest=7 * 24 + 1)

    assert rejected(merchant) == []


def test_maintain__what_is_past_its_days__is_emptied_and_the_rest_stays(merchant: Api) -> None:
    for days in range(10):
        fill(merchant, hours=1, newest=24 * days)

    emptied = partitions.maintain()["forgotten"]

    assert len(emptied) == 2
    today = "floor(extract(epoch FROM now()) / 86400)"
    assert as_owner(
        f"SELECT DISTINCT ({today} - floor(extract(epoch FROM rejected_at) / 86400))::int FROM events_rejection"
        " ORDER BY 1"
    ) == [(days,) for days in range(8)]
    assert partitions.maintain()["forgotten"] == []


def test_row_level_security__another_tenants_context__neither_reads_nor_writes(merchant: Api, rival: Api) -> None:
    send(merchant, event(timestamp="never"))

    with tenant_context(rival.tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events_rejection")
        assert cursor.fetchone() == (0,)
        cursor.execute("DELETE FROM events_rejection")
        assert cursor.rowcount == 0
