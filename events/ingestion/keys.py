"""Keys of events, as batches and the database compare them."""

from collections.abc import Mapping
from typing import Any

from events.ingestion.batch import Event
from retivo.api.json import encode


def scope(source: str, provider: str | None) -> bytes:
    """What a key is hashed along with: two sources' equal keys have nothing in common, for no text holds a NUL.

    Those of `track` are hashed alone, as `track_batch` does.
    """
    return b"" if source == "track" else f"\0{source}\0{provider or ''}\0".encode()


def first_of_each(events: dict[int, Event]) -> dict[int, Event]:
    """Those that are stored, where none of the keys is stored yet: the others are duplicates."""
    seen: set[str] = set()
    first = {}
    for index, event in events.items():
        if event.idempotency_key is not None:
            if event.idempotency_key in seen:
                continue
            seen.add(event.idempotency_key)
        first[index] = event
    return first


def known(cursor: Any, keys: list[str], parameters: Mapping[str, Any]) -> set[str]:
    """Those of `keys` with which events are stored."""
    if not keys:
        return set()
    cursor.execute(_KNOWN, {**parameters, "keys": encode(keys).decode()})
    return {row[0] for row in cursor.fetchall()}


HASH = "key_hash(%(tenant_id)s::uuid, substring(sha256(%(key_scope)s::bytea || convert_to({key}, 'UTF8')) FOR 16))"

# Says of keys that they are of a ring, and so which partition they are in.
IN_RING = "key BETWEEN (%({ring})s || repeat('0', 28))::uuid AND (%({ring})s || repeat('f', 28))::uuid"

_KNOWN = f"""
    SELECT k FROM jsonb_array_elements_text(%(keys)s::jsonb) k
    CROSS JOIN LATERAL (SELECT {HASH.format(key="k")} AS hash OFFSET 0) h
    WHERE (
        SELECT true FROM events_storedkey e
        WHERE e.key IN ((%(ring)s || hash)::uuid, (%(ring_before)s || hash)::uuid) LIMIT 1
    )
"""  # noqa: S608 - of our own constant
