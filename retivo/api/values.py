"""What an accepted value is, whichever way it comes in: all that reads what somebody sent goes by this module.

What is accepted, PostgreSQL stores and other languages read. Texts hold no NUL and no half of a surrogate pair, numbers
fit into a double (float8), objects and arrays nest at most `MAX_DEPTH` levels, and an object that its sender fills
freely has at most `MAX_OBJECT_BYTES`. Timestamps are RFC 3339, and UTC once they are read.
"""

import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

MAX_DEPTH = 32
MAX_OBJECT_BYTES = 64 * 1024  # as JSON without blanks
MAX_NUMBER = sys.float_info.max

encode = msgspec.json.Encoder().encode


class Fault(NamedTuple):
    """Why a value is not accepted; `pointer` (RFC 6901) leads to the first place that is at fault."""

    pointer: str
    code: str
    detail: str


def same(one: Any, other: Any) -> bool:
    """Whether two accepted values are equal as JSON: members in any order, numbers by value, and `true` is not 1.

    So a value is the same as what it is after jsonb, which keeps no order of members and makes an integer of `1e16`.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, _NUMBER) and isinstance(other, _NUMBER) and float in (type(one), type(other)):
        return float(one) == float(other)  # not all digits that PostgreSQL writes out are in a double
    return bool(one == other)


_NUMBER = int | float | Decimal


def is_large(value: Any) -> bool:
    """Whether an object that is filled freely is above its bound."""
    text = encode(value)
    if MAX_OBJECT_BYTES // 64 < len(text) <= MAX_OBJECT_BYTES:  # such a number takes 48 times its room at the most
        return _written_out(text) > MAX_OBJECT_BYTES
    return len(text) > MAX_OBJECT_BYTES


def size(value: Any) -> int:
    """Bytes of a value as JSON without blanks, its numbers written out as PostgreSQL does: `1e-300` has 302 digits."""
    return _written_out(encode(value))


def _written_out(text: bytes) -> int:
    exponents = _EXPONENT.findall(_STRINGS_AND_BRACKETS.sub(b"", text))
    return len(text) + sum(abs(int(exponent)) for exponent in exponents)


# --- JSON -----------------------------------------------------------------------------------------------------------


class UnacceptableError(ValueError):
    """`fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


def decode(body: bytes) -> Any:
    """The value in a text of JSON (RFC 8259, in UTF-8).

    Raises:
        UnacceptableError: it is none, or one that is not accepted.
    """
    data = parse(body)
    if found := fault(data):
        raise UnacceptableError(found)
    return data


def parse(body: bytes | msgspec.Raw) -> Any:
    """The same of JSON whose values are not looked at yet.

    Raises:
        UnacceptableError: it cannot be read.
    """
    try:
        return msgspec.json.decode(body)
    except RecursionError as error:
        raise UnacceptableError(_too_deep("")) from error
    except msgspec.MsgspecError as error:
        raise UnacceptableError(_unreadable(bytes(body), str(error))) from error
    except UnicodeDecodeError as error:
        raise UnacceptableError(Fault("", "malformed_json", "The body is not valid UTF-8.")) from error


def _unreadable(body: bytes, said: str) -> Fault:
    """Why msgspec cannot read this. It does not name the place of a number, nor half a surrogate pair as what it is."""
    try:
        data = json.loads(body.decode(), parse_int=float, parse_constant=_refuse)
    except (RecursionError, ValueError):
        return Fault("", "malformed_json", f"The body is not valid JSON: {said}.")
    return fault(data) or Fault("", "malformed_json", r"Text must not contain half a surrogate pair, such as `\ud800`.")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def fault(data: Any) -> Fault | None:
    """Why decoded JSON is not accepted. Walks without recursion: the depth is the sender's to choose."""
    pending: list[tuple[str, int, Any]] = [("", 0, data)]
    while pending:
        pointer, depth, value = pending.pop()
        if isinstance(value, str):
            if "\0" in value:
                return Fault(pointer, "nul_character", "Text must not contain NUL characters.")
        elif isinstance(value, dict | list):
            if depth >= MAX_DEPTH:
                return _too_deep(pointer)
            for name, item in value.items() if isinstance(value, dict) else enumerate(value):
                if isinstance(name, str) and "\0" in name:
                    return Fault(pointer, "nul_character", "Names must not contain NUL characters.")
                pending.append((f"{pointer}/{escape_pointer(name)}", depth + 1, item))
        elif isinstance(value, int | float) and not -MAX_NUMBER <= value <= MAX_NUMBER:
            return Fault(pointer, "number_out_of_range", "Numbers must fit into a double: at most 1.8e308.")
    return None


def _too_deep(pointer: str) -> Fault:
    return Fault(pointer, "nested_too_deep", f"May nest at most {MAX_DEPTH} levels deep.")


def escape_pointer(name: object) -> str:
    """A reference token of a JSON Pointer (RFC 6901 §3)."""
    return str(name).replace("~", "~0").replace("/", "~1")


_EXPONENT = re.compile(rb"e([+-]?[0-9]+)")

# Deeper than any value may be that stands at the fourth level or above, and shallower than decoders can go.
_KEPT_DEPTH = 2 * MAX_DEPTH

_STRINGS_AND_BRACKETS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{\]}]', re.DOTALL)


def shallow(body: bytes) -> bytes:
    """A text of JSON without what lies deeper than decoders can go; what nests too deep still does.

    So one value in a batch does not keep its neighbours from being read.
    """
    return b"".join(_shallow_pieces(body))


def _shallow_pieces(body: bytes) -> Iterator[bytes]:
    depth, begin = 0, 0
    for token in _STRINGS_AND_BRACKETS.finditer(body):
        found = token[0]
        if found in (b"[", b"{"):
            depth += 1
            if depth == _KEPT_DEPTH + 1:
                yield body[begin : token.start()] + b"0"
        elif found in (b"]", b"}"):
            if depth == _KEPT_DEPTH + 1:
                begin = token.end()
            depth -= 1
    if depth <= _KEPT_DEPTH:
        yield body[begin:]


# --- Timestamps -----------------------------------------------------------------------------------------------------

# A blank instead of the T, small letters and an offset without its colon are taken too, as msgspec takes them.
_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d):(\d\d)(\.\d+)?(?:([Zz])|([+-]\d\d):?(\d\d))?", re.ASCII
).fullmatch


def timestamp(text: str, *, local_is_utc: bool = False) -> datetime:
    """RFC 3339 as UTC, to the nearest microsecond. A leap second is the first one of the next minute.

    Args:
        local_is_utc: take a time without an offset for UTC.

    Raises:
        ValueError: it is none, or UTC puts it outside of the years 1 to 9999.
    """
    if not (found := _TIMESTAMP(text)):
        raise ValueError("not a timestamp as in RFC 3339")
    day, minute, second, fraction, zulu, hours, minutes = found.groups()
    if not (local_is_utc or zulu or hours):
        raise ValueError("a timestamp needs an offset or Z")
    offset = f"{hours}:{minutes}" if hours else "+00:00"
    is_leap = second == "60"
    moment = datetime.fromisoformat(f"{day}T{minute}:{'59' if is_leap else second}{offset}")
    try:
        return moment.astimezone(UTC) + timedelta(seconds=int(is_leap), microseconds=_microseconds(fraction))
    except OverflowError as error:
        raise ValueError("a timestamp outside of the years 1 to 9999") from error


def _microseconds(fraction: str | None) -> int:
    """The nearest; the later one where it lies in the middle."""
    digits = (fraction or ".")[1:8].ljust(7, "0")
    return int(digits[:6]) + (digits[6] >= "5")
