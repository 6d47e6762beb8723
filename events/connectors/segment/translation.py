"""Segment's messages: https://segment.com/docs/connections/spec."""

from collections.abc import Mapping
from typing import Any

from events.connectors.shared.members import key, moment, name, properties
from events.connectors.shared.vendor import Outcome
from events.ingestion.traits import IDENTIFY

SOURCE = "segment"
KEY_MEMBERS = ("writeKey",)

KINDS = ("identify", "track", "page", "screen", "group", "alias")

_VIEWS = {"page": "page_viewed", "screen": "screen_viewed"}


def translate(message: dict[str, Any], kind: str) -> dict[str, Any] | None:
    """`kind` is the message's type where the path says it."""
    event: dict[str, Any] = {
        "user_id": name(message.get("userId"), message.get("anonymousId")),
        "timestamp": moment(message.get("timestamp")),
        "idempotency_key": key(message.get("messageId")),
    }
    match kind or message.get("type"):
        case "identify":
            return event | {"event": IDENTIFY, "properties": _traits(properties(message.get("traits")))}
        case "track":
            return event | {"event": message.get("event"), "properties": properties(message.get("properties"))}
        case "page" | "screen" as view:
            found = properties(message.get("properties"))
            if isinstance(found, dict):
                found |= {member: message[member] for member in ("name", "category") if message.get(member)}
            return event | {"event": _VIEWS[view], "properties": found}
        case _:
            return None


def _traits(found: Any) -> Any:
    """Segment's `company` is an object, of which the name is kept; without a name nothing is said of the company."""
    if not isinstance(found, dict) or not isinstance(found.get("company"), Mapping):
        return found
    company = name(properties(found.pop("company")).get("name"))
    return found | {"company": company} if company else found


def is_import(message: dict[str, Any], kind: str, beside: Mapping[str, Any]) -> bool:
    """Nothing in a message says so: an old timestamp does."""
    return True


def answer(outcome: Outcome) -> dict[str, Any]:
    return {"success": True}
