"""Mixpanel's own SDK against the real server, and what its other libraries and its import API take."""

import base64
import gzip as gzip_
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from mixpanel import BufferedConsumer, Consumer, Mixpanel, MixpanelException, ServiceAccountCredentials

from tests import plain_http
from tests.conftest import Api, Server
from tests.events.connectors.flaky import Flaky, flaky  # noqa: F401 - a fixture
from tests.events.connectors.stored import assert_holds_no_key, events, names, rows, traits

PATH = "/api/connectors/mixpanel"


def endpoints(host: str) -> dict[str, str]:
    """`api_host` would do, were the test's server one with TLS."""
    urls = {"events_url": "track", "people_url": "engage", "groups_url": "groups", "import_url": "import"}
    return {option: f"{host}{PATH}/{path}" for option, path in urls.items()}


def sdk(host: str, key: str, **options: Any) -> Mixpanel:
    return Mixpanel(key, consumer=Consumer(**endpoints(host), **options))


def test_sdk__events_and_profiles__are_stored_as_ours(merchant: Api, server: Server) -> None:
    client = sdk(server.url, merchant.key)

    client.track("u1", "Plan Upgraded", {"plan": "pro", "$browser": "Chrome"})
    client.people_set("u1", {"$email": "ada@example.com", "$name": "Ada", "since": datetime(2026, 1, 1)})
    client.people_set_once("u1", {"$name": "Bob", "source": "ad"})
    client.people_increment("u1", {"logins": 1})
    client.people_append("u1", {"tags": "x"})
    client.group_set("company", "acme", {"size": 5})

    assert names(merchant) == ["$identify", "$identify", "Plan Upgraded"]
    ((user, _, properties),) = [event for event in events(merchant) if event[1] == "Plan Upgraded"]
    assert (user, properties.pop("$lib_version") > "5", properties) == (
        "u1",
        True,
        {"plan": "pro", "$browser": "Chrome", "mp_lib": "python"},
    )
    assert traits(merchant, "u1") == {
        "email": "ada@example.com",
        "name": "Ada",
        "since": "2026-01-01T00:00:00",
        "source": "ad",
    }
    assert rows(merchant, "SELECT name, email FROM events_trackeduser") == [("Ada", "ada@example.com")]
    assert rows(merchant, "SELECT DISTINCT source FROM events_event") == [("mixpanel",)]
    assert_holds_no_key(merchant)


def test_sdk__imports__keep_their_time(merchant: Api, server: Server) -> None:
    moment = datetime(2025, 5, 1, 10, tzinfo=UTC)
    account = ServiceAccountCredentials(merchant.key, "unused", "unused")
    Mixpanel("any token", consumer=Consumer(**endpoints(server.url), credentials=account)).import_data(
        None, "u1", "by account", moment.timestamp()
    )
    sdk(server.url, merchant.key).import_data(None, "u1", "by token", moment.timestamp() * 1000)

    assert rows(merchant, "SELECT name, timestamp FROM events_event ORDER BY name") == [
        ("by account", moment),
        ("by token", moment),
    ]


def test_sdk__buffered_events__arrive_in_its_batches(merchant: Api, server: Server) -> None:
    consumer = BufferedConsumer(**endpoints(server.url))
    client = Mixpanel(merchant.key, consumer=consumer)

    for number in range(120):
        client.track(f"u{number % 7}", "clicked", {"number": number})
        client.people_set(f"u{number % 7}", {"number": number})
    consumer.flush()

    numbers = [properties["number"] for _, name, properties in events(merchant) if name == "clicked"]
    assert sorted(numbers) == list(range(120))
    assert traits(merchant, "u0") == {"number": 119}


def test_sdk__an_event_we_refuse__is_an_error_alone_and_does_not_block_a_buffer(merchant: Api, server: Server) -> None:
    with pytest.raises(MixpanelException, match="length"):
        sdk(server.url, merchant.key).track("x" * 300, "clicked")

    consumer = BufferedConsumer(**endpoints(server.url))
    client = Mixpanel(merchant.key, consumer=consumer)
    client.track("x" * 300, "clicked")
    client.track("u1", "clicked")
    consumer.flush()

    assert [event[:2] for event in events(merchant)] == [("u1", "clicked")]


def test_sdk__sent_again_after_a_lost_answer__is_stored_once(merchant: Api, flaky: Flaky) -> None:  # noqa: F811
    """Over plain HTTP the SDK does not retry by itself: what is left in a buffer is sent with the next flush."""
    flaky.plan = ["refuse", "lose the answer"]
    consumer = BufferedConsumer(**endpoints(flaky.url))
    Mixpanel(merchant.key, consumer=consumer).track("u1", "clicked")

    for _ in range(2):
        with pytest.raises(MixpanelException, match="try again"):
            consumer.flush()
    consumer.flush()

    assert flaky.seen == 3
    assert names(merchant) == ["clicked"]


def test_sdk__a_wrong_key__is_an_error_and_stores_nothing(merchant: Api, server: Server) -> None:
    with pytest.raises(MixpanelException, match="not an API key"):
        sdk(server.url, "0123456789abcdef0123456789abcdef").track("u1", "clicked")

    assert events(merchant) == []


def test_sdk__two_tenants_that_share_a_buffer__are_kept_apart(acme: Api, merchant: Api, server: Server) -> None:
    other = acme.provision("other")
    consumer = BufferedConsumer(**endpoints(server.url))

    sdk(server.url, other.key).track("u1", "of the other")
    Mixpanel(merchant.key, consumer=consumer).track("u1", "of the merchant")
    Mixpanel(other.key, consumer=consumer).track("u1", "in the merchant's request")
    consumer.flush()

    assert names(merchant) == ["of the merchant"]
    assert names(other) == ["of the other"]
    assert_holds_no_key(merchant)


# --- HTTP -----------------------------------------------------------------------------------------------------------


def event(**properties: Any) -> dict[str, Any]:
    return {"event": "clicked", "properties": {"distinct_id": "u1", **properties}}


def test_json__one_event_or_an_array__is_taken(merchant: Api) -> None:
    first = event(**{"$insert_id": "i1"}, time=1777197600)
    answer = merchant.post(PATH, first).json()

    assert answer == {"status": 1, "error": None, "accepted": 1, "duplicates": 0, "rejected": [], "skipped": 0}
    again = merchant.post(
        f"{PATH}/track/", [event(**{"$insert_id": "i1"}, time=1777197600), event(), event(distinct_id="")]
    ).json()
    assert (again["status"], again["accepted"], again["duplicates"], len(again["rejected"])) == (1, 1, 1, 1)


def test_events__of_mixpanels_own__are_skipped_but_page_views(merchant: Api) -> None:
    own = ["$identify", "$create_alias", "$merge", "$mp_click", "$mp_web_page_view"]

    answer = merchant.post(PATH, [{**event(name="x"), "event": name} for name in own]).json()

    assert (answer["accepted"], answer["skipped"]) == (1, 4)
    assert names(merchant) == ["page_viewed"]
    assert traits(merchant, "u1") == {}


@pytest.mark.parametrize("time", [1777197600, 1777197600.5, 1777197600500, "1777197600", "2026-04-26T10:00:00"])
def test_time__in_any_unit__is_the_same_second(merchant: Api, time: Any) -> None:
    assert merchant.post(PATH, event(time=time)).json()["accepted"] == 1

    ((moment,),) = rows(merchant, "SELECT date_trunc('second', timestamp) FROM events_event")
    assert moment == datetime(2026, 4, 26, 10, tzinfo=UTC)


@pytest.mark.parametrize("time", ["soon", 1e300, -5, 10**30, True, [], {}, "nan"])
def test_time__of_no_use__rejects_the_event(merchant: Api, time: Any) -> None:
    answer = merchant.post(PATH, event(time=time)).json()

    assert [found["code"] for found in answer["rejected"]] == ["invalid_timestamp"]
    assert (answer["status"], answer["error"]) == (0, answer["rejected"][0]["detail"])


@pytest.mark.parametrize(("query", "answer"), [("", "1"), ("?verbose=0", "1"), ("?verbose=1", None)])
def test_form__base64_that_nobody_escaped__is_read(merchant: Api, server: Server, query: str, answer: str) -> None:
    """As the SDK for Node sends it; it takes nothing but a bare 1 for a success."""
    sent = json.dumps([event(token=merchant.key, text="~~~?>?>é")], ensure_ascii=False).encode()
    body = b"data=" + base64.b64encode(sent)
    assert b"+" in body

    response = plain_http.post(
        f"{server.url}{PATH}/track{query}",
        content=body,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert response.text == answer or response.json()["status"] == 1
    assert events(merchant) == [("u1", "clicked", {"text": "~~~?>?>é"})]


@pytest.mark.parametrize(("user", "answer"), [("u1", "1"), ("", "0")])
def test_query__as_the_sdk_for_node_sends_one_event__is_answered_with_a_digit(
    merchant: Api, server: Server, user: str, answer: str
) -> None:
    data = base64.b64encode(json.dumps(event(token=merchant.key, distinct_id=user)).encode()).decode()
    url = f"{server.url}{PATH}/track"

    response = plain_http.get(url, params={"ip": "0", "verbose": "0", "data": data})

    assert response.text == answer
    assert len(events(merchant)) == int(answer)
    assert plain_http.head(url, params={"data": data}, auth=(merchant.key, "")).status_code == 405
    assert plain_http.get(url, params={"data": "e30="}).status_code == 401
    assert data not in server.log.read_text()
    assert_holds_no_key(merchant)


@pytest.mark.parametrize("user", ["the key", "a service account"])
def test_import__gzipped_lines_with_basic_credentials__are_read(merchant: Api, server: Server, user: str) -> None:
    lines = b"\n".join(json.dumps(event(n=n, **{"$insert_id": f"i{n}"})).encode() for n in range(300)) + b"\n\nrubbish"

    response = plain_http.post(
        f"{server.url}{PATH}/import?strict=1",
        content=gzip_.compress(lines),
        headers={"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"},
        auth=(merchant.key, "") if user == "the key" else ("retivo.1234.mp-service-account", merchant.key),
    )

    answer = response.json()
    assert (answer["code"], answer["num_records_imported"], answer["accepted"]) == (200, 300, 300)
    assert [(found["index"], found["code"]) for found in answer["rejected"]] == [(300, "malformed_json")]


def test_endpoint__that_there_is_not__is_404(merchant: Api) -> None:
    assert merchant.post(f"{PATH}/decide", {}).status_code == 404
