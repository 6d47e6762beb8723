"""What events say of their users: `$identify` by its properties, any event by `set` and `set_once`."""

from collections.abc import Iterable, Mapping
from typing import Any

from events.ingestion.batch import Event
from retivo.api.json import encode

IDENTIFY = "$identify"

MAX_BYTES = 64 * 1024  # of one user's traits, as JSON without blanks

# Named traits have a column of their own beside their place in `traits`.
_TEXT_TRAITS = ("name", "email", "company", "role", "locale")


def brings_traits(event: Event) -> bool:
    return event.event == IDENTIFY or event.set is not None or event.set_once is not None


def merged(before: dict[str, Any], event: Event) -> dict[str, Any]:
    """A user's traits after the event."""
    identified = event.properties if event.event == IDENTIFY else {}
    return (event.set_once or {}) | before | identified | (event.set or {})


def size(event: Event) -> int:
    """What the event may add to its user's traits at the most, in bytes."""
    return len(encode(merged({}, event)))


def too_large(traits: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Whether traits have grown above the limit; those that were above it before may shrink, or stay."""
    found = len(encode(traits))
    return found > MAX_BYTES and found > len(encode(before))


def rows(events: Iterable[Event]) -> list[dict[str, Any]]:
    """Each user's traits, in the order they were sent, with the columns that some of them have.

    `once` are those that only fill what is empty; of these the first sent wins.
    """
    traits: dict[str, dict[str, Any]] = {}
    once: dict[str, dict[str, Any]] = {}
    for event in filter(brings_traits, events):
        found, first = traits.setdefault(event.user_id, {}), once.setdefault(event.user_id, {})
        found |= event.properties if event.event == IDENTIFY else {}
        found |= event.set or {}
        once[event.user_id] = (event.set_once or {}) | first
    return [
        {"user_id": user_id, "traits": found, "once": first, "first": _columns(first), **_columns(found)}
        for (user_id, found), first in zip(traits.items(), once.values(), strict=True)
    ]


def _columns(traits: dict[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {name: traits[name][:255] for name in _TEXT_TRAITS if isinstance(traits.get(name), str)}
    team_size = traits.get("team_size")
    if isinstance(team_size, int) and not isinstance(team_size, bool) and 0 <= team_size < 2**31:
        columns["team_size"] = team_size
    return columns
