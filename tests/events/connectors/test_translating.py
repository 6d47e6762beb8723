"""Translation of whatever JSON there is: an event, a skipped message or a rejection, never an error."""

from datetime import UTC, datetime
from types import ModuleType

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.connectors.mixpanel import translation as mixpanel
from events.connectors.posthog import translation as posthog
from events.connectors.segment import translation as segment
from events.connectors.shared.reading import Sent, read
from events.connectors.shared.translating import translate
from retivo.api.errors import Problem

NOW = datetime(2026, 11, 1, tzinfo=UTC)

KINDS = [("", segment), *[(kind, segment) for kind in segment.KINDS], ("", posthog), (posthog.V1, posthog)]
KINDS += [("", mixpanel), *[(kind, mixpanel) for kind in mixpanel.KINDS]]

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9)
)
scalars |= st.sampled_from(["identify", "track", "page", "$identify", "$pageview", "$set", "2026-04-26", "1e400", "u1"])
names = st.sampled_from(
    [
        "userId",
        "anonymousId",
        "messageId",
        "timestamp",
        "type",
        "event",
        "name",
        "traits",
        "properties",
        "distinct_id",
        "uuid",
        "$set",
        "$set_once",
        "$distinct_id",
        "$time",
        "time",
        "$insert_id",
        "token",
        "api_key",
        "writeKey",
    ]
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5))
messages = st.dictionaries(names, values, max_size=9) | values


@pytest.mark.no_database
@pytest.mark.parametrize(("kind", "vendor"), KINDS)
@settings(max_examples=100, deadline=None, database=None)
@given(sent=st.lists(messages, max_size=4))
def test_translate__any_json__accounts_for_every_message(kind: str, vendor: ModuleType, sent: list[object]) -> None:
    items = [msgspec.Raw(msgspec.json.encode(message)) for message in sent]

    batch, skipped = translate(vendor, Sent(items=items, beside={}), kind=kind, key="", now=NOW)

    assert len(batch.events) + len(batch.rejected) + skipped == len(sent)
    assert {rejection["index"] for rejection in batch.rejected}.isdisjoint(batch.events)


@pytest.mark.no_database
@settings(max_examples=300, deadline=None, database=None)
@given(
    body=st.binary(max_size=40) | st.text('[]{}":,batch1e9\\ud8', max_size=40).map(lambda text: text.encode()),
    media_type=st.sampled_from(["application/json", "application/x-www-form-urlencoded", "application/x-ndjson"]),
)
def test_read__any_bytes__are_messages_or_a_problem(body: bytes, media_type: str) -> None:
    for text in (body, b"data=" + body):
        assert _status(text, media_type) in {200, 400}


def _status(body: bytes, media_type: str) -> int:
    try:
        read(body, media_type, {})
    except Problem as problem:
        return problem.status
    return 200
