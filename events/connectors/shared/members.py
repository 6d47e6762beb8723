"""What vendors' members become. What makes no sense stays as it is, for `events.ingestion.batch` to refuse by name."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from events.ingestion.batch import MAX_KEY_LENGTH
from retivo.api import values
from tenants.access import keys

# In seconds this is the year 5138, in milliseconds March 1973.
_MILLISECONDS_FROM = 10**11


def name(*values: Any) -> Any:
    """The first that is given; a number, as some SDKs send for ids, becomes text."""
    for value in values:
        if value is not None and value != "":
            return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return ""


def key(value: Any) -> Any:
    """An idempotency key, if there is one."""
    return None if value is None or value == "" else name(value)


def identity(value: Any, *beside: Any) -> Any:
    """An idempotency key for vendors to whom two events with one key are the same only if they agree in `beside`."""
    found = key(value)
    if not isinstance(found, str) or len(found) > MAX_KEY_LENGTH:
        return found
    return hashlib.sha256(repr((found, *beside)).encode()).hexdigest()


def moment(value: Any) -> Any:
    """ISO 8601, without an offset in UTC, or a number of seconds or milliseconds since 1970."""
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return _from_text(value)
        return _from_number(number)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _from_number(value)
    return value


def _from_text(text: str) -> Any:
    try:
        return values.timestamp(text, local_is_utc=True)
    except ValueError:
        return _from_short_text(text)


def _from_short_text(text: str) -> Any:
    """What ISO 8601 has beside RFC 3339, such as a day alone."""
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return text


def _from_number(number: float) -> Any:
    try:
        return datetime.fromtimestamp(number / 1000 if abs(number) >= _MILLISECONDS_FROM else number, UTC)
    except (ValueError, OverflowError, OSError):
        return number


def properties(value: Any, *, without: Iterable[str] = ()) -> Any:
    """As sent, but for what has a place of its own, and for API keys: what is stored is no place for a key."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        return value
    return {
        member: found
        for member, found in value.items()
        if member not in without and not (isinstance(found, str) and keys.is_well_formed(found))
    }


def traits(*values: Any) -> Any:
    """Several objects as one, the later ones above the earlier; None where there is none."""
    found: dict[str, Any] = {}
    for value in values:
        if value is not None and not isinstance(value, Mapping):
            return value
        found |= properties(value)
    return found or None
