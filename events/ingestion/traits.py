"""What is said of users, by whoever says it: `$identify`, `set` and `set_once` of events, and the API of end users.

Writers write `traits` alone; the trigger `trait_columns` keeps the columns of the named ones.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from events.ingestion.batch import Event
from retivo.api import values

IDENTIFY = "$identify"

MAX_BYTES = 64 * 1024  # of one user's traits, as `values.size` counts them

# The named traits: each has a column beside its member of `traits`.
_TEXT_TRAITS = ("name", "email", "company", "role", "locale")
NAMED_TRAITS = (*_TEXT_TRAITS, "team_size")

MAX_LENGTH = 255
MAX_INTEGER = 2**31 - 1


def brings_traits(event: Event) -> bool:
    return event.event == IDENTIFY or event.set is not None or event.set_once is not None


@dataclass
class Description:
    """What events say of one user, in their order.

    `once` fills what the user has not, then what is `removed` goes, and `found` stands. Null removes a trait, and so
    does what a named trait cannot be: SDKs could not be told that it was refused.
    """

    once: dict[str, Any] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    found: dict[str, Any] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        """What stands in an event's `set_once` comes before its other traits."""
        for name, sent in (event.set_once or {}).items():
            value = _value(name, sent)
            if value is None or name in self.found:
                continue
            if name in self.removed:
                self.found[name] = value
            else:
                self.once.setdefault(name, value)
        for members in (event.properties if event.event == IDENTIFY else {}, event.set or {}):
            for name, sent in members.items():
                self.found[name] = value = _value(name, sent)
                if value is None:
                    del self.found[name]
                    self.once.pop(name, None)
                    self.removed.add(name)

    def applied(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """The traits of a user who had those of `before`; `events.ingestion.services` does the same in SQL."""
        kept = {name: value for name, value in (self.once | dict(before)).items() if name not in self.removed}
        return kept | self.found


def merged(before: dict[str, Any], event: Event) -> dict[str, Any]:
    """A user's traits after the event."""
    description = Description()
    description.add(event)
    return description.applied(before)


def size(event: Event) -> int:
    """What the event may add to its user's traits at the most, in bytes."""
    return values.size(merged({}, event))


def too_large(traits: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Whether traits have grown above the limit; those that were above it before may shrink, or stay."""
    found = values.size(traits)
    return found > MAX_BYTES and found > values.size(before)


def rows(events: Iterable[Event]) -> list[dict[str, Any]]:
    """What the events say of each user."""
    descriptions: dict[str, Description] = {}
    for event in filter(brings_traits, events):
        descriptions.setdefault(event.user_id, Description()).add(event)
    return [
        {"user_id": user_id, "once": each.once, "removed": sorted(each.removed), "found": each.found}
        for user_id, each in descriptions.items()
    ]


def _value(name: str, sent: Any) -> Any:
    """As it is stored, or None where nothing is. A text that is too long is cut."""
    if name in _TEXT_TRAITS:
        return sent[:MAX_LENGTH] if isinstance(sent, str) else None
    if name != "team_size":
        return sent
    if isinstance(sent, float) and sent.is_integer():
        sent = int(sent)
    return sent if type(sent) is int and 0 <= sent <= MAX_INTEGER else None
