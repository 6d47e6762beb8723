"""What no SDK sends, at every vendor's paths: told apart, never a 500, and never at a neighbour's cost."""

import base64
import gzip
import json
from typing import Any

import pytest
from django.test import Client

from tests import plain_http
from tests.conftest import Api, Server
from tests.events.connectors.stored import events, rows

PATHS = {
    "segment": "/api/connectors/segment/v1/batch",
    "posthog": "/api/connectors/posthog/batch/",
    "mixpanel": "/api/connectors/mixpanel/track",
}
every_vendor = pytest.mark.parametrize("vendor", PATHS)


def message(vendor: str, user: Any = "u1", name: Any = "clicked", key: Any = None, **properties: Any) -> dict[str, Any]:
    """An event as the vendor writes it."""
    match vendor:
        case "segment":
            return {"type": "track", "userId": user, "event": name, "messageId": key, "properties": properties}
        case "posthog":
            return {"event": name, "distinct_id": user, "uuid": key, "properties": properties}
        case _:
            return {"event": name, "properties": {"distinct_id": user, "$insert_id": key, **properties}}


def send(api: Api, vendor: str, *messages: Any) -> Any:
    response = api.post(PATHS[vendor], list(messages))
    assert response.status_code == 200, response.content
    return response.json()


@every_vendor
def test_batch__fifty_bad_of_a_hundred__takes_the_fifty_good(merchant: Api, vendor: str) -> None:
    bad: list[Any] = [
        5,
        None,
        "x",
        [],
        {},
        message(vendor, ""),
        message(vendor, "x" * 10_000),
        message(vendor, {"a": 1}),
    ]
    bad += [message(vendor, ["a"]), message(vendor, name=""), message(vendor, name=7, key=[1]), message(vendor, True)]
    sent: list[Any] = []
    for number in range(50):
        sent += [message(vendor, number=number), bad[number % len(bad)]]

    answer = send(merchant, vendor, *sent)

    assert answer["accepted"] == len(events(merchant)) == 50
    # An empty object is of no type to Segment, and so skipped.
    assert {found["index"] for found in answer["rejected"]} <= set(range(1, 100, 2))
    assert len(answer["rejected"]) + answer["skipped"] == 50
    assert answer["skipped"] == (sum(item == {} for item in sent) if vendor == "segment" else 0)


@every_vendor
@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"user": "x" * 10_000}, "invalid_user_id"),
        ({"user": ["u"]}, "invalid_user_id"),
        ({"user": 1.5}, "invalid_user_id"),
        ({"name": None}, "invalid_event"),
        ({"name": "x" * 10_000}, "invalid_event"),
        ({"key": "x" * 10_000}, "invalid_idempotency_key"),
        ({"key": {}}, "invalid_idempotency_key"),
        ({"number": 10**400}, "number_out_of_range"),
    ],
)
def test_message__of_wrong_members__is_rejected_by_name(
    merchant: Api, vendor: str, members: dict[str, Any], code: str
) -> None:
    answer = send(merchant, vendor, message(vendor), message(vendor, **members))

    assert [(found["index"], found["code"]) for found in answer["rejected"]] == [(1, code)]
    assert len(events(merchant)) == 1


@every_vendor
@pytest.mark.parametrize("properties", [[], "x", 5, True])
def test_properties__that_are_no_object__are_rejected(merchant: Api, vendor: str, properties: Any) -> None:
    answer = send(merchant, vendor, {**message(vendor), "properties": properties})

    # To Mixpanel the user is one of them.
    assert answer["rejected"][0]["code"] in {"invalid_properties", "invalid_user_id"}


@pytest.mark.parametrize("traits", [[1], "x", 5])
def test_traits__that_are_no_object__are_rejected(merchant: Api, traits: Any) -> None:
    for path, body in (
        ("segment", {"type": "identify", "userId": "u", "traits": traits}),
        ("posthog", {"event": "$identify", "distinct_id": "u", "$set": traits}),
        ("posthog", {"event": "clicked", "distinct_id": "u", "$set": traits}),
        ("posthog", {"event": "clicked", "distinct_id": "u", "$set_once": traits}),
        ("mixpanel/engage", {"$distinct_id": "u", "$set": traits}),
        ("mixpanel/engage", {"$distinct_id": "u", "$set_once": traits}),
    ):
        answer = merchant.post(f"/api/connectors/{path}", [body]).json()
        assert answer["rejected"][0]["code"] in {"invalid_properties", "invalid_set", "invalid_set_once"}, answer
    assert events(merchant) == []


def deep(vendor: str, depth: int) -> str:
    return json.dumps(message(vendor, deep="here")).replace('"here"', "[" * depth + "]" * depth)


@every_vendor
@pytest.mark.parametrize("depth", [31, 300, 942, 2_000, 200_000])
@pytest.mark.parametrize("lines", [False, True])
def test_message__nested_too_deep__is_refused_alone(merchant: Api, vendor: str, depth: int, lines: bool) -> None:
    sent = [json.dumps(message(vendor, "u1")), deep(vendor, depth), deep(vendor, 30)]
    body, media_type = ("\n".join(sent), "x-ndjson") if lines else (f"[{','.join(sent)}]", "json")

    response = Client().post(
        PATHS[vendor],
        body,
        content_type=f"application/{media_type}",
        headers={"Authorization": f"Bearer {merchant.key}"},
    )

    assert response.status_code == 200, response.content
    assert [(found["index"], found["code"]) for found in response.json()["rejected"]] == [(1, "nested_too_deep")]
    assert len(events(merchant)) == 2


@every_vendor
@pytest.mark.parametrize("depth", [300, 20_000])
@pytest.mark.parametrize(
    "broken", ["[*", "[*}*", "[*NaN", '[*"', '[*"\\ud800', "[*\xff", '{"a":*', '{"a":*]*', "[*]*,"]
)
def test_line__deep_and_no_json__is_refused_alone(merchant: Api, vendor: str, depth: int, broken: str) -> None:
    value = "".join(piece * depth for piece in broken.split("*")[:-1]) + broken.rpartition("*")[2]
    good = json.dumps(message(vendor, "u1"))
    bad = json.dumps(message(vendor, deep="here")).replace('"here"', value)

    response = Client().post(
        PATHS[vendor],
        f"{good}\n{bad}\n{good}".encode("latin-1"),
        content_type="application/x-ndjson",
        headers={"Authorization": f"Bearer {merchant.key}"},
    )

    assert response.status_code == 200, response.content
    assert [(found["index"], found["code"]) for found in response.json()["rejected"]] == [(1, "malformed_json")]
    assert len(events(merchant)) == 2


@every_vendor
@pytest.mark.parametrize("lines", [False, True])
def test_nul_and_half_a_pair__wherever_they_stand__are_stored_as_u_fffd(
    merchant: Api, vendor: str, lines: bool
) -> None:
    odd = message(vendor, "a\0b", "c\0d", "k\0", text=r"\u0000 is no NUL", deep=["\0"], **{"n\0": 1})
    body = json.dumps(odd).encode()

    response = Client().post(
        PATHS[vendor],
        body + b"\n" + body.replace(b"a", b"\\ud800a") if lines else b"[" + body + b"]",
        content_type="application/x-ndjson" if lines else "application/json",
        headers={"Authorization": f"Bearer {merchant.key}"},
    )

    stored = {"text": r"\u0000 is no NUL", "deep": ["\ufffd"], "n\ufffd": 1}
    assert response.json()["rejected"] == []
    assert events(merchant)[0] == ("a\ufffdb", "c\ufffdd", stored)


@every_vendor
@pytest.mark.parametrize("number", ["1e400", "-1e400", "1" * 400, "1" * 5000])
@pytest.mark.parametrize("beside", ["1", "NaN", '"\\ud800"'])
def test_number_that_no_double_holds__is_refused_alone(merchant: Api, vendor: str, number: str, beside: str) -> None:
    good, bad = json.dumps(message(vendor, n=77)), json.dumps(message(vendor, n=78))
    body = f"[{good.replace('77', beside)}, {bad.replace('78', number)}]"

    answer = merchant.post(PATHS[vendor], body.encode()).json()

    assert [found["index"] for found in answer["rejected"]] == [1]
    assert answer["rejected"][0]["code"] in {"number_out_of_range", "malformed_json"}
    assert answer["accepted"] == 1


@every_vendor
@pytest.mark.parametrize("beside", [b"1", b"NaN", rb'"\ud800"'])
def test_bytes_that_are_no_utf_8__keep_no_neighbour_from_being_read(merchant: Api, vendor: str, beside: bytes) -> None:
    good, bad = json.dumps(message(vendor, n=77)).encode(), json.dumps(message(vendor, n="odd")).encode()
    body = b"[%b, %b]" % (good.replace(b"77", beside), bad.replace(b"odd", b"\xff"))

    answer = merchant.post(PATHS[vendor], body).json()

    # Beside what is no JSON either, the byte is mended like the rest.
    assert 0 not in [found["index"] for found in answer["rejected"]]
    assert answer["accepted"] + len(answer["rejected"]) == 2


@every_vendor
@pytest.mark.parametrize(
    "body", [b" ", b"{", b"5", b"null", b'"text"', b'{"batch": {}}', b'{"batch": null}', b"[1,}", b"\xff", b"[1e9999"]
)
def test_body__that_holds_no_messages__is_400(merchant: Api, vendor: str, body: bytes) -> None:
    response = merchant.post(PATHS[vendor], body)

    assert (response.status_code, response.json()["code"]) == (400, "malformed_batch")


@every_vendor
@pytest.mark.parametrize("body", [[], {"batch": []}])
def test_batch__that_is_empty__takes_nothing(merchant: Api, vendor: str, body: Any) -> None:
    answer = merchant.post(PATHS[vendor], body).json()

    assert [answer[name] for name in ("accepted", "duplicates", "rejected", "skipped")] == [0, 0, [], 0]


@every_vendor
def test_batch__of_two_thousand__is_taken_and_one_more_is_413(merchant: Api, vendor: str) -> None:
    assert send(merchant, vendor, *[message(vendor, f"u{n % 9}") for n in range(2000)])["accepted"] == 2000

    response = merchant.post(PATHS[vendor], [message(vendor)] * 2001)
    assert (response.status_code, response.json()["code"]) == (413, "batch_too_large")
    assert rows(merchant, "SELECT count(*) FROM events_event") == [(2000,)]


@every_vendor
def test_body__of_another_media_type__is_415(merchant: Api, vendor: str) -> None:
    response = Client().post(
        PATHS[vendor], b"[]", content_type="application/xml", headers={"Authorization": f"Bearer {merchant.key}"}
    )

    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("data", ["x", "data=", "data=%", "data=5", "data=W10", "data=%00", "x=1", "data=****", "é"])
def test_form__without_messages__is_400(merchant: Api, data: str) -> None:
    response = Client().post(
        PATHS["mixpanel"],
        data.encode(),
        content_type="application/x-www-form-urlencoded",
        headers={"Authorization": f"Bearer {merchant.key}"},
    )

    # "W10" is "[]" in base64: nothing, but well-formed.
    assert response.status_code == (200 if data == "data=W10" else 400), response.content


# --- Keys -----------------------------------------------------------------------------------------------------------


@every_vendor
@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "api_key_missing"),
        ("Basic", "api_key_missing"),
        ("Basic !!!", "api_key_missing"),
        ("Basic /////w==", "api_key_missing"),
        ("Digest x", "api_key_missing"),
        ("Basic " + base64.b64encode(b"phc_other:").decode(), "api_key_malformed"),
        ("Bearer rt_live_x", "api_key_malformed"),
    ],
)
def test_key__that_is_none__is_401_as_everywhere(vendor: str, authorization: str | None, code: str) -> None:
    headers = {"Authorization": authorization} if authorization else {}

    for body in (json.dumps([message(vendor)]), "rubbish", '[{"token": 5, "writeKey": [], "api_key": {}}]'):
        response = Client().post(PATHS[vendor], body, content_type="application/json", headers=headers)
        assert (response.status_code, response.json()["code"]) == (401, code)
        assert response["WWW-Authenticate"] == "Bearer"


@every_vendor
def test_key__after_messages_without_one__is_found(merchant: Api, vendor: str, server: Server) -> None:
    names = {"segment": "writeKey", "posthog": "api_key", "mixpanel": "token"}
    sent = [5, {}, message(vendor), {**message(vendor), names[vendor]: merchant.key}]

    assert plain_http.post(server.url + PATHS[vendor], json=sent).json()["accepted"] == 2


@every_vendor
def test_idempotency_key__sent_again__replays_the_answer(merchant: Api, vendor: str) -> None:
    first = merchant.post(PATHS[vendor], [message(vendor)], Idempotency_Key="one")
    again = merchant.post(PATHS[vendor], [message(vendor)], Idempotency_Key="one")

    assert again["Idempotency-Replayed"] == "true"
    assert again.content == first.content
    assert len(events(merchant)) == 1


# --- gzip -----------------------------------------------------------------------------------------------------------


@every_vendor
def test_bomb__said_or_unsaid__is_413(merchant: Api, vendor: str) -> None:
    bomb = gzip.compress(b"[" + b" " * 100 * 1024 * 1024 + b"]")
    assert len(bomb) < 200_000

    said = merchant.post(PATHS[vendor], bomb, Content_Encoding="gzip")
    unsaid = merchant.post(PATHS[vendor], bomb)

    assert said.status_code == unsaid.status_code == 413
    assert said.json()["code"] == unsaid.json()["code"] == "body_too_large"
