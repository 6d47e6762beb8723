"""A vendor's request, opened: what was sent, item by item, and where in it a key may be.

All vendors' SDKs send JSON: one message, an array of them, or an object that holds an array of them in one member
(`batch`, if the vendor's view names no other); some as lines, some in a form field `data`, some in base64. What a
message means is for the vendor's module to say.

SDKs drop what is refused and tell nobody. So what the vendors take and PostgreSQL does not is mended: NULs and halves
of surrogate pairs become U+FFFD, NaN and infinities null.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import msgspec

from retivo.api import values
from retivo.api.compression import MAGIC, gunzip
from retivo.api.errors import Problem

# What Mixpanel's own import takes at most; the other vendors' SDKs send 100.
MAX_ITEMS = 2000

# The member that holds the messages, unless a vendor's view names another.
BATCH = "batch"

_FORM = "application/x-www-form-urlencoded"
_LINES = "application/x-ndjson"
_JSON = {"application/json", "text/plain"}
_MAX_FORM_FIELDS = 20


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What a request holds.

    Args:
        items: the messages, each still JSON: one that cannot be read does not keep its neighbours from being read.
        beside: the members beside the messages: of the object around them, of the form, of the query.
        single: it is one message, not a list of them.
        form: it came as a form.
    """

    items: Sequence[msgspec.Raw]
    beside: Mapping[str, Any]
    single: bool = False
    form: bool = False


def read(body: bytes, content_type: str, query: Mapping[str, str], batch_member: str = BATCH) -> Sent:
    """The messages in a request.

    Args:
        batch_member: the name of the member that holds the array of messages.

    Raises:
        Problem: 400 if there are none to be found, 413 if they are more than `MAX_ITEMS`, 415 for another media type.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == _FORM:
        sent = read_query({**query, **_fields(body)}, batch_member)
    elif media_type == _LINES:
        lines = [_line(line) for line in body.splitlines() if line.strip()]
        sent = Sent(items=lines, beside=query)
    elif media_type in _JSON:
        # Said by the query alone in some of PostHog's versions, so asked of the body itself.
        sent = _read_json(gunzip(body) if body.startswith(MAGIC) else body, query, batch_member)
    else:
        raise Problem(415, "unsupported_media_type", "Send the body as application/json.")
    if len(sent.items) > MAX_ITEMS:
        raise Problem(
            413, "batch_too_large", f"A batch holds at most {MAX_ITEMS} events; this one has {len(sent.items)}."
        )
    return sent


def read_query(fields: Mapping[str, str], batch_member: str = BATCH) -> Sent:
    """The messages in the field `data` of a form or of a query."""
    return _read_json(_data(fields), fields, batch_member, form=True)


def find_key(sent: Sent, names: Iterable[str]) -> str:
    """The key that stands under one of `names`: beside the messages, or in the first of them that has one."""
    for candidate in [sent.beside, *_messages(sent)]:
        if key := key_in(candidate, names):
            return key
    return ""


def key_in(message: Mapping[str, Any], names: Iterable[str]) -> str:
    properties = message.get("properties")
    for members in (message, properties if isinstance(properties, dict) else {}):
        for name in names:
            value = members.get(name)
            if isinstance(value, str) and value:
                return value
    return ""


def _messages(sent: Sent) -> Iterable[dict[str, Any]]:
    for item in sent.items:
        try:
            message = msgspec.json.decode(item)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(message, dict):
            yield message


def _read_json(body: bytes, beside: Mapping[str, Any], batch_member: str, *, form: bool = False) -> Sent:
    try:
        body, found = _open(body)
    except ValueError as error:
        raise malformed(f"{error}.") from error
    if isinstance(found, list):
        return Sent(items=found, beside=beside, form=form)
    batch = found.pop(batch_member, None)
    if batch is None:
        return Sent(items=[msgspec.Raw(body)], beside=beside, single=True, form=form)
    try:
        items = msgspec.json.decode(batch, type=list[msgspec.Raw])
    except msgspec.MsgspecError as error:
        raise malformed(f"`{batch_member}` is not an array.") from error
    return Sent(items=items, beside={**_scalars(found), **beside}, form=form)


def _line(line: bytes) -> msgspec.Raw:
    try:
        return msgspec.Raw(_mended(line))
    except ValueError:
        return msgspec.Raw(values.shallow(line))  # one that cannot be read, as `translate` will say


def _open(body: bytes) -> tuple[bytes, list[msgspec.Raw] | dict[str, msgspec.Raw]]:
    body = _mended(body)
    return body, _decode(body)


_decode = msgspec.json.Decoder(list[msgspec.Raw] | dict[str, msgspec.Raw]).decode


def _mended(body: bytes) -> bytes:
    """JSON that can be read and stored. Raises ValueError where it is none."""
    body = _NUL.sub(rb"\1\\ufffd", body) if rb"\u0000" in body else body
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except RecursionError:
        return _mended(values.shallow(body))
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Python's SDKs send NaN and Infinity, all of them half a surrogate pair where a text was cut. What is not UTF-8
        # becomes U+FFFD, for it would keep its neighbours from being read.
        text = values.shallow(body).decode(json.detect_encoding(body), "replace")
        data = json.loads(text, parse_constant=lambda _: None, parse_float=_float, parse_int=_integer)
        return _SURROGATE.sub("\ufffd", json.dumps(data, ensure_ascii=False)).encode()
    return body


_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_SURROGATE = re.compile("[\ud800-\udfff]")

# Stands for any number that no float is so large as to hold; its event is refused by itself.
_TOO_LARGE = 10**309


def _float(text: str) -> float | int:
    number = float(text)
    return number if abs(number) <= values.MAX_NUMBER else _TOO_LARGE


def _integer(text: str) -> int:
    return int(text) if len(text) <= 310 else _TOO_LARGE


def _scalars(members: Mapping[str, msgspec.Raw]) -> dict[str, str | bool]:
    """The texts and truth values; nothing else beside the messages is of use."""
    found: dict[str, str | bool] = {}
    for name, raw in members.items():
        try:
            found[name] = msgspec.json.decode(raw, type=str | bool)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
    return found


def _fields(body: bytes) -> dict[str, str]:
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=_MAX_FORM_FIELDS)
    except ValueError as error:
        raise malformed("it is not a form.") from error
    return {name: values[0] for name, values in fields.items()}


def _data(fields: Mapping[str, str]) -> bytes:
    """The JSON in the field `data`, which may be in base64."""
    text = fields.get("data", "").strip()
    if text.startswith(("{", "[")):
        return text.encode("utf-8", "replace")
    # A `+` that nobody escaped has become a space.
    text = text.replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise malformed("`data` is neither JSON nor base64.") from error


def malformed(detail: str) -> Problem:
    return Problem(400, "malformed_batch", f"The body is not a batch of events: {detail}")
