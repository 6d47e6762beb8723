"""PostHog's events: https://posthog.com/docs/api/capture, and what its webhook destination sends of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from events.connectors.shared.members import identity, moment, name, properties, traits
from events.connectors.shared.vendor import Outcome
from events.ingestion.traits import IDENTIFY

SOURCE = "posthog"
KEY_MEMBERS = ("api_key", "token")

# Answers event by event, by its uuid; the others are content with a status.
V1 = "v1"

_OWN = {"$identify": IDENTIFY, "$set": IDENTIFY, "$set_once": IDENTIFY, "$pageview": "page_viewed"}


def translate(message: dict[str, Any], kind: str) -> dict[str, Any] | None:
    if isinstance(message.get("event"), dict):  # a webhook's, with the person beside it
        message = message["event"]
    sent = message.get("properties")
    within = sent if isinstance(sent, dict) else {}
    once = traits(message.get("$set_once"), within.get("$set_once"))
    found = traits(message.get("$set"), within.get("$set"))
    event = called = name(message.get("event"), message.get("name"), IDENTIFY if found or once else None)
    if isinstance(event, str) and event.startswith("$"):
        if event not in _OWN:
            return None
        event = _OWN[event]
    user = name(message.get("distinct_id"), within.get("distinct_id"), message.get("$distinct_id"))
    timestamp = moment(message.get("timestamp"))
    # By these its table of events is sorted, which keeps one row of those that are equal.
    day = timestamp.date() if isinstance(timestamp, datetime) else timestamp
    common = {
        "user_id": user,
        "event": event,
        "timestamp": timestamp,
        "idempotency_key": identity(message.get("uuid"), called, user, day),
        "set_once": once,
    }
    if event == IDENTIFY:
        return common | {"properties": found or {}}
    without = (*KEY_MEMBERS, "distinct_id", "$set", "$set_once")
    return common | {"properties": properties(sent, without=without), "set": found}


def is_import(message: dict[str, Any], kind: str, beside: Mapping[str, Any]) -> bool:
    return any(members.get("historical_migration") is True for members in (beside, message))


def answer(outcome: Outcome) -> dict[str, Any]:
    if outcome.kind != V1:
        return {"status": 1}
    dropped = {}
    for rejection in outcome.tracked["rejected"]:
        uuid = _uuid(outcome.sent.items[rejection["index"]])
        if uuid is not None:
            dropped[uuid] = {"result": "drop", "details": rejection["detail"]}
    return {"status": 1, "results": dropped}  # one that is not named was taken


class _Identified(msgspec.Struct):
    uuid: str | None = None


def _uuid(item: msgspec.Raw) -> str | None:
    try:
        return msgspec.json.decode(item, type=_Identified).uuid
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
