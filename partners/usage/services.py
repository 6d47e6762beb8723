"""Usage of a partner's customers as JSON, NDJSON or CSV, and its alerts. In the partner's tenant context."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import to_builtins

from events.usage import alerts, reading
from events.usage.alerts import number
from events.usage.reading import Asked, Row
from retivo.api.json import encode
from retivo.api.pagination import Cursor
from tenants.context import Context


def page(*, asked: Asked, limit: int, after: Cursor | None) -> dict[str, Any]:
    found = reading.page(asked=asked, limit=limit, after=after)
    return {"usage": [shown(row) for row in found.pop("rows")], **found}


def lines(*, asked: Asked, context: Context) -> Iterator[bytes]:
    """A line of JSON for each row."""
    for rows in reading.stream(asked=asked, context=context):
        yield b"".join(encode(shown(row)) + b"\n" for row in rows)


def table(*, asked: Asked, context: Context) -> Iterator[bytes]:
    """CSV (RFC 4180) with a header."""
    names = ["tenant_id", "external_id", "period", "corrected_on", "final", "counted_at", *asked.metrics]
    yield _csv([names])
    for rows in reading.stream(asked=asked, context=context):
        yield _csv([_cell(shown(row)[name]) for name in names] for row in rows)


def _csv(rows: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case datetime():
            return to_builtins(value)
        # A spreadsheet takes what begins so for a formula. Nothing of ours does, and a partner's id seldom.
        case str() if value[:1] in "=+-@\t\r" and value:
            return f"'{value}"
    return value


def shown(row: Row) -> dict[str, Any]:
    return {
        "tenant_id": row.tenant_id,
        "external_id": row.external_id,
        "period": row.period,
        "corrected_on": row.corrected_on,
        "final": row.final,
        "counted_at": row.counted_at,
        **{name: number(name, value) for name, value in row.metrics.items()},  # type: ignore[arg-type]
    }


def list_alerts(*, partner_id: UUID) -> dict[str, Any]:
    """All of them: there are twelve at most."""
    found = alerts.list_alerts(partner_id=partner_id)
    return {"usage_alerts": found, "total": len(found), "next_cursor": None}
