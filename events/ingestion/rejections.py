"""What becomes known of rejected events: a row each, for as many as a tenant needs to find its fault.

Of an event, its user's id and its name are kept as far as they could be read, and no other value: neither properties
nor traits, which erasure could not find if the id of their user is what was wrong. For the same reason the id of a
request is kept only if it is ours.

The first `OF_A_KIND` rejections of an hour, source and code are recorded, and no more than `OF_AN_HOUR` of one tenant,
beside those that its other requests record at the same moment. So a flood of them costs a look-up and writes nothing.
`events.partitions` forgets them.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from events.ingestion import batch as batches
from events.ingestion.batch import Batch, Event, Rejection
from retivo.api.json import encode
from retivo.logging import request_id_of_ours

OF_A_KIND = 20
OF_AN_HOUR = 100
DAYS_SHOWN = 7

MAX_TEXT = 255

# Which member of an event was at fault, where the code alone says it.
_FIELDS = {
    **{f"invalid_{name}": name for name in Event.__struct_fields__},
    "properties_too_large": "properties",
    "tracked_user_limit_reached": "user_id",
}
_OF_ANY_MEMBER = {"nul_character", "number_out_of_range", "nested_too_deep"}


def record(*, tenant_id: UUID, source: str, batch: Batch) -> None:
    """Record the batch's rejections, up to the tenant's bounds. Runs in the transaction that took the batch.

    Args:
        source: how the events came, as in the events that are stored.
    """
    seen: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    for rejection in batch.rejected:
        seen[rejection["code"]] += 1
        if seen[rejection["code"]] <= OF_A_KIND and len(rows) < OF_AN_HOUR:
            rows.append(_row(rejection, batch.refused.get(rejection["index"])))
    parameters: dict[str, Any] = {
        "tenant_id": tenant_id,
        "source": source,
        "request_id": request_id_of_ours(),
        "rows": encode(rows).decode(),
        "of_a_kind": OF_A_KIND,
        "of_an_hour": OF_AN_HOUR,
    }
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, parameters)


def _row(rejection: Rejection, refused: Event | Mapping[str, Any] | msgspec.Raw | None) -> dict[str, Any]:
    members = _members(refused)
    return {
        "index": rejection["index"],
        "code": rejection["code"],
        "field": _field(rejection, members),
        "detail": _text(rejection["detail"]),
        "user_id": _text(members.get("user_id")),
        "event": _text(members.get("original_event") or members.get("event")),
    }


def _field(rejection: Rejection, members: Mapping[str, Any]) -> str | None:
    code = rejection["code"]
    if code in _OF_ANY_MEMBER:
        return batches.faulty_member(members)
    if code == "traits_too_large":
        return next((name for name in ("set", "set_once") if members.get(name)), "properties")
    if code == "invalid_event" and "event`" not in rejection["detail"]:  # the whole of it is none
        return None
    return _FIELDS.get(code)


def _members(refused: Event | Mapping[str, Any] | msgspec.Raw | None) -> Mapping[str, Any]:
    if isinstance(refused, Event):
        return msgspec.structs.asdict(refused)
    if isinstance(refused, msgspec.Raw):
        try:
            # More lenient than what refused it: half of a surrogate pair, say, is one text's.
            found = json.loads(bytes(refused).decode("utf-8", "replace"), strict=False)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}
    return refused or {}


def _text(value: Any) -> str | None:
    """As PostgreSQL can store it; a number is somebody's id, too."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        value = str(value)
    return _UNSTORABLE.sub("\ufffd", value[:MAX_TEXT]) if isinstance(value, str) else None


_UNSTORABLE = re.compile("[\0\ud800-\udfff]")

# Served by the key, which has the tenant and the time in front: at most what an hour may have.
_RECORD = """
    WITH known AS MATERIALIZED (
        SELECT source, code FROM events_rejection
        WHERE tenant_id = %(tenant_id)s AND rejected_at >= date_trunc('hour', now(), 'UTC')
          AND ring = floor(extract(epoch FROM now()) / 86400)::int %% 10
        LIMIT %(of_an_hour)s
    ), sent AS (
        SELECT r.*, row_number() OVER (PARTITION BY code ORDER BY index) + (
            SELECT count(*) FROM known k WHERE k.source = %(source)s AND k.code = r.code
        ) AS of_a_kind
        FROM jsonb_to_recordset(%(rows)s::jsonb) AS r
            (index int, code text, field text, detail text, user_id text, event text)
    )
    INSERT INTO events_rejection
        (tenant_id, ring, source, index, code, field, detail, user_id, event, request_id)
    SELECT %(tenant_id)s, floor(extract(epoch FROM now()) / 86400)::int %% 10, %(source)s, index, code, field, detail,
        user_id, event, %(request_id)s
    FROM sent WHERE of_a_kind <= %(of_a_kind)s
    ORDER BY index LIMIT greatest(0, %(of_an_hour)s - (SELECT count(*) FROM known))
"""
