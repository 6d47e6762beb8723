"""A batch of events as it is sent: read event by event, so that one bad event never sinks its neighbours."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NotRequired, TypedDict, cast

import msgspec

from retivo.api import values
from retivo.api.errors import Problem
from retivo.api.values import MAX_OBJECT_BYTES

MAX_EVENTS = 100
MAX_KEY_LENGTH = 128
MAX_AHEAD = timedelta(hours=24)
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

# To users of these ids no path leads, so they could be neither seen nor erased: /api/customers/stats are the
# statistics, and clients resolve dots before they send them.
UNREACHABLE = frozenset({"stats", ".", ".."})

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class Event(msgspec.Struct, omit_defaults=True):
    """One event. Members that are not here are ignored; senders have their own."""

    user_id: Name
    event: Name
    properties: dict[str, Any] = {}
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    idempotency_key: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_KEY_LENGTH)] | None = None
    # Traits of the user, whatever the event: those of `set_once` only where the user has none of that name.
    set_once: dict[str, Any] | None = None
    set: dict[str, Any] | None = None


class _Sent(Event, omit_defaults=True):
    """An event before its timestamp was read: `retivo.api.values` takes more of them than msgspec."""

    timestamp: Any = None


class Rejection(TypedDict):
    """Why the event at `index` was not taken. Above a plan's limit also where it stands, and the next plan's name."""

    index: int
    code: str
    detail: str
    current: NotRequired[int]
    limit: NotRequired[int]
    upgrade_to: NotRequired[str | None]


@dataclass
class Batch:
    """The events that could be read, by their index in what was sent, and why the others could not.

    `refused` are the others as far as they were read: events, their members, or JSON. Those events that are `imported`
    count in the month of their timestamp.
    """

    events: dict[int, Event] = field(default_factory=dict)
    rejected: list[Rejection] = field(default_factory=list)
    refused: dict[int, Event | Mapping[str, Any] | msgspec.Raw] = field(default_factory=dict)
    imported: set[int] = field(default_factory=set)

    def reject(self, index: int, code: str, detail: str, **more: Any) -> None:
        if event := self.events.pop(index, None):
            self.refused[index] = event
        self.rejected.append(cast("Rejection", {"index": index, "code": code, "detail": detail, **more}))


class _Envelope(msgspec.Struct):
    events: list[Event]


class _ProviderEnvelope(_Envelope):
    provider: Name


class _RawEnvelope(msgspec.Struct):
    events: list[msgspec.Raw]


class _RawProviderEnvelope(_RawEnvelope):
    provider: Name


_decode = msgspec.json.Decoder(_Envelope).decode
_decode_of_provider = msgspec.json.Decoder(_ProviderEnvelope).decode
_decode_raw = msgspec.json.Decoder(_RawEnvelope).decode
_decode_raw_of_provider = msgspec.json.Decoder(_RawProviderEnvelope).decode
_decode_event = msgspec.json.Decoder(_Sent).decode

_TOO_LONG = 309  # digits no float has before its point

_UNREADABLE_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def read(body: bytes, *, now: datetime) -> Batch:
    """The batch in a request's body.

    Raises:
        Problem: 400 if the body is not a batch at all, 413 if it has more than `MAX_EVENTS`.
    """
    return _read(body, now, _decode, _decode_raw)[1]


def read_of_provider(body: bytes, *, now: datetime) -> tuple[str, Batch]:
    """The same with a `provider` beside the events."""
    envelope, batch = _read(body, now, _decode_of_provider, _decode_raw_of_provider)
    return envelope.provider, batch


def read_plain(body: bytes) -> list[Event] | None:
    """The events of a batch if there is nothing to be said about any of them, their timestamps aside; else None."""
    try:
        events: list[Event] = _decode(body).events
    except _UNREADABLE_ERRORS:
        return None
    keys = [event.idempotency_key for event in events if event.idempotency_key is not None]
    if not 0 < len(events) <= MAX_EVENTS or len(set(keys)) < len(keys) or _is_suspicious(body, events):
        return None
    asks = _may_be_large(body)
    if any(event.user_id in UNREACHABLE or (asks and values.is_large(event.properties)) for event in events):
        return None
    return events


def _read(body: bytes, now: datetime, decode: Any, decode_raw: Any) -> tuple[Any, Batch]:
    """All events at once; only where that finds a fault, one by one."""
    try:
        envelope = decode(body)
    except _UNREADABLE_ERRORS:
        envelope = None
    if envelope is None or len(envelope.events) > MAX_EVENTS or _is_suspicious(body, envelope.events):
        envelope = _open(body, decode_raw)
        return envelope, _read_one_by_one(envelope.events, now)
    batch, latest, asks = Batch(dict(enumerate(envelope.events))), now + MAX_AHEAD, _may_be_large(body)
    for index, event in enumerate(envelope.events):
        if fault := _settle(event, latest, may_be_large=asks):
            batch.reject(index, *fault)
    return envelope, batch


def _is_suspicious(body: bytes, events: Sequence[Event]) -> bool:
    """Whether there may be a NUL, an integer too long for a float, or an event that nests too deep.

    So many digits fill one of these pieces, wherever they begin; a regular expression cost as much as all else here.
    """
    piece = (_TOO_LONG + 1) // 2
    if b"\\u0000" in body or any(body[at : at + piece].isdigit() for at in range(0, len(body), piece)):
        return True
    # What the batch, its events and their properties open at the least; one that nests too deep opens more than 30.
    opened = 2 + len(events) + sum(1 for event in events if event.properties)
    return body.count(b"{") + body.count(b"[") > opened + values.MAX_DEPTH - 2 and any(map(_fault, events))


def _open(body: bytes, decode: Any) -> Any:
    try:
        return decode(body)
    except _UNREADABLE_ERRORS as error:
        try:
            return _open_mended(_LONE_SURROGATE.sub(_UNREADABLE, body), decode)
        except _UNREADABLE_ERRORS:
            raise Problem(400, "malformed_batch", f"The body is not a batch of events: {error}.") from error


def _open_mended(body: bytes, decode: Any) -> Any:
    try:
        return decode(body)
    except RecursionError:
        return decode(values.shallow(body))


# Half of a surrogate pair ends the decoder's reading of the whole body; as a byte that is not UTF-8 it is one event's.
_LONE_SURROGATE = re.compile(
    rb"(?<!\\)((?:\\\\)*)(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|"
    rb"(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)
_UNREADABLE = b"\\1\xff"


def _read_one_by_one(items: Sequence[msgspec.Raw], now: datetime) -> Batch:
    if len(items) > MAX_EVENTS:
        raise Problem(413, "batch_too_large", f"A batch holds at most {MAX_EVENTS} events; this one has {len(items)}.")
    batch, latest = Batch(), now + MAX_AHEAD
    for index, item in enumerate(items):
        try:
            event = _decode_event(item)
        except msgspec.ValidationError as error:
            batch.reject(index, _code(str(error)), f"{error}.")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            batch.reject(index, "malformed_json", f"{error}.")
        else:
            _take(batch, index, event, latest)
    batch.refused |= {rejection["index"]: items[rejection["index"]] for rejection in batch.rejected}
    return batch


def add(batch: Batch, index: int, members: Any, *, now: datetime) -> None:
    """Take an event that was translated from another format, given by its members, or reject it as `read` would."""
    try:
        event = msgspec.convert(members, _Sent)
    except msgspec.ValidationError as error:
        batch.reject(index, _code(str(error)), f"{error}.")
    else:
        _take(batch, index, event, now + MAX_AHEAD)
    if index not in batch.events:
        batch.refused[index] = members


def _take(batch: Batch, index: int, event: _Sent, latest: datetime) -> None:
    if fault := _fault(event) or _read_timestamp(event) or _settle(event, latest):
        batch.reject(index, *fault)
    else:
        batch.events[index] = event


def _read_timestamp(event: _Sent) -> tuple[str, str] | None:
    try:
        if event.timestamp is not None and not isinstance(event.timestamp, datetime):
            event.timestamp = values.timestamp(event.timestamp)
    except (TypeError, ValueError):
        return "invalid_timestamp", "Must be a time as in RFC 3339, with an offset or `Z`."
    return None


def _settle(event: Event, latest: datetime, *, may_be_large: bool = True) -> tuple[str, str] | None:
    """Put the event's timestamp in UTC, or say what of the event is out of bounds."""
    if event.user_id in UNREACHABLE:
        return "invalid_user_id", f"`{event.user_id}` cannot be a path, and so no user's id."
    if event.timestamp is not None:
        if not _EARLIEST <= event.timestamp <= latest:
            return "invalid_timestamp", "Must lie between 1970 and 24 hours from now."
        event.timestamp = event.timestamp.astimezone(UTC)  # PostgreSQL reads no offset of 16 hours or more
    if may_be_large and values.is_large(event.properties):
        return "properties_too_large", f"Properties have at most {MAX_OBJECT_BYTES // 1024} KiB of JSON without blanks."
    return None


def _may_be_large(body: bytes) -> bool:
    """Whether an event's properties may be above their bound: sent as they are, or with their numbers written out."""
    return len(body) > MAX_OBJECT_BYTES or (
        len(body) > MAX_OBJECT_BYTES // 64 and _LONG_NUMBER.search(body) is not None
    )


_LONG_NUMBER = re.compile(rb"[eE][+-]?[0-9]{2}")


def _code(message: str) -> str:
    """`invalid_user_id` from msgspec's "… - at `$.user_id`", or "… missing required field `user_id`"."""
    for name in Event.__struct_fields__:
        if f"`$.{name}" in message or message.endswith(f"field `{name}`"):
            return f"invalid_{name}"
    return "invalid_event"


def faulty_member(sent: Mapping[str, Any]) -> str | None:
    """The first of an event's members that holds what cannot be stored."""
    of_event = (name for name in Event.__struct_fields__ if sent.get(name) is not None)
    return next((name for name in of_event if _fault(msgspec.structs.replace(_BLAMELESS, **{name: sent[name]}))), None)


_BLAMELESS = Event(user_id="", event="")


def _fault(event: Event) -> tuple[str, str] | None:
    texts = [event.user_id, event.event, event.idempotency_key]
    found = values.fault([*texts, event.properties, event.set_once, event.set])
    return found and (found.code, found.detail)
