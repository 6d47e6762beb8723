"""Mixpanel's events and profile updates: https://developer.mixpanel.com/reference."""

from collections.abc import Mapping
from typing import Any

from events.connectors.shared.members import identity, moment, name, properties, traits
from events.connectors.shared.vendor import Outcome
from events.ingestion.traits import IDENTIFY

SOURCE = "mixpanel"
KEY_MEMBERS = ("token", "$token", "api_key")

# The paths under the connector's, and so the kinds of message; the bare path takes events.
IMPORT = "import"
KINDS = ("track", IMPORT, "engage", "groups")

_PAGE_VIEW = "$mp_web_page_view"

# Profile properties that Mixpanel names itself, by the names they have everywhere else.
_RESERVED = {f"${trait}": trait for trait in ("name", "first_name", "last_name", "email", "phone", "avatar")}


def translate(message: dict[str, Any], kind: str) -> dict[str, Any] | None:
    match kind:
        case "groups":
            return None
        case "engage":
            return _profile(message)
        case _:
            return _event(message)


def _event(message: dict[str, Any]) -> dict[str, Any] | None:
    event = message.get("event")
    if event == _PAGE_VIEW:
        event = "page_viewed"
    elif isinstance(event, str) and event.startswith("$"):  # its own bookkeeping, such as `$identify` and `$merge`
        return None
    sent = message.get("properties")
    within = sent if isinstance(sent, dict) else {}
    user = name(within.get("distinct_id"), within.get("$user_id"), within.get("$device_id"))
    timestamp = moment(within.get("time"))
    return {
        "user_id": user,
        "event": event,
        "timestamp": timestamp,
        # https://developer.mixpanel.com/reference/event-deduplication
        "idempotency_key": identity(within.get("$insert_id"), message.get("event"), user, timestamp),
        "properties": properties(sent, without=(*KEY_MEMBERS, "distinct_id", "time", "$insert_id")),
    }


def _profile(message: dict[str, Any]) -> dict[str, Any] | None:
    """`$set` and `$set_once`; counters, lists and deletions are not traits' to have."""
    if "$set" not in message and "$set_once" not in message:
        return None
    return {
        "user_id": name(message.get("$distinct_id")),
        "event": IDENTIFY,
        "timestamp": moment(message.get("$time")),
        "properties": _traits(message.get("$set")) or {},
        "set_once": _traits(message.get("$set_once")),
    }


def _traits(sent: Any) -> Any:
    found = traits(sent)
    return {_RESERVED.get(trait, trait): value for trait, value in found.items()} if isinstance(found, dict) else found


def is_import(message: dict[str, Any], kind: str, beside: Mapping[str, Any]) -> bool:
    return kind == IMPORT


def answer(outcome: Outcome) -> dict[str, Any] | int:
    """A message that is sent alone and refused is a failure. In a list it is not: SDKs would send the list for ever."""
    rejected = outcome.tracked["rejected"]
    error = rejected[0]["detail"] if rejected and outcome.sent.single else None
    if outcome.sent.form and outcome.sent.beside.get("verbose") != "1":
        return 0 if error else 1  # the whole answer
    found: dict[str, Any] = {"status": 0 if error else 1, "error": error}
    if outcome.kind == IMPORT:
        found |= {"code": 200, "num_records_imported": outcome.tracked["accepted"]}
    return found
