"""All that is kept of a user as one JSON object, read bit by bit from the tables that erasure empties.

Each bit is read in a transaction of its own, because whoever reads the export may take their time, and outlives the
request's. So it shows no single moment: what changes meanwhile may be in it as it was or as it is.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from events.users.kept import USER, Kept, tables
from retivo.api.errors import not_found
from retivo.api.json import encode
from retivo.api.pagination import MAX_BYTES
from tenants.context import Context

BATCH = 1000  # rows at once; fewer where these have more than 4 MiB
_FETCHED = 10  # rows that are made JSON at once, so that none are that the bit has no room for


def export(*, tenant_id: UUID, context: Context, user_id: str) -> Iterator[bytes]:
    """The object in pieces: a list of rows for each table, and the user, which is one row or null.

    Args:
        context: makes each of the transactions.

    Raises:
        Problem: 404 if nothing is kept of such a user.
    """
    whose: dict[str, Any] = {"tenant_id": tenant_id, "user_id": user_id}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {' OR '.join(f'EXISTS ({_rows(kept)})' for kept in tables())}", whose)
        if not cursor.fetchone()[0]:
            raise not_found()
    return _pieces(whose, context)


def _pieces(whose: dict[str, Any], context: Context) -> Iterator[bytes]:
    yield b'{"user_id":%b,"exported_at":%b' % (encode(whose["user_id"]), encode(datetime.now(UTC)))
    for kept in tables():
        yield b',"%b":' % kept.name.encode()
        if kept.name == USER:
            yield next(_batches(kept, whose, context), b"null")
        else:
            yield b"["
            for number, batch in enumerate(_batches(kept, whose, context)):
                yield b"," * (number > 0) + batch
            yield b"]"
    yield b"}"


def _batches(kept: Kept, whose: dict[str, Any], context: Context) -> Iterator[bytes]:
    """Rows with commas between them, never none."""
    places = [f"after_{column}" for column in kept.key]
    columns = ", ".join(f"t.{column}" for column in kept.key)
    beyond, parameters, goes_on = "true", whose, True
    while goes_on:
        # The rows first, for a row is only made JSON, and read to its end, where it is on the page.
        page = f"{_rows(kept)} AND {beyond} ORDER BY {columns} LIMIT {BATCH}"
        statement = f"SELECT {columns}, {_json(kept)} FROM ({page}) t ORDER BY {columns}"  # noqa: S608
        with context(), connection.chunked_cursor() as cursor:
            cursor.execute(statement, parameters)
            rows, goes_on = _fit(cursor)
        if not rows:
            return
        yield b",".join(_bytes(kept.read(row[len(places)])) for row in rows)
        beyond = (
            f"t.{kept.key[0]} >= %({places[0]})s AND ({columns}) > ({', '.join(f'%({place})s' for place in places)})"
        )
        parameters = {**whose, **dict(zip(places, rows[-1], strict=False))}


def _fit(cursor: Any) -> tuple[list[Any], bool]:
    """The rows of a bit, and whether there may be more behind them."""
    rows: list[Any] = []
    size = 0
    while size < MAX_BYTES and len(rows) < BATCH:
        fetched = cursor.fetchmany(_FETCHED)
        rows += fetched
        size += sum(len(row[-1]) for row in fetched)
        if len(fetched) < _FETCHED:
            return rows, len(rows) == BATCH
    return rows, True


def _rows(kept: Kept) -> str:
    table = f"(SELECT k.*, k.ctid AS address FROM {kept.table} k)"  # noqa: S608
    return f"SELECT t.* FROM {table} t WHERE t.tenant_id = %(tenant_id)s AND {kept.of_user}"  # noqa: S608


def _json(kept: Kept) -> str:
    without = ", ".join(f"'{column}'" for column in ("tenant_id", "address", *kept.without))
    return f"(to_jsonb(t) - ARRAY[{without}])::text AS row"


def _bytes(row: str | bytes) -> bytes:
    return row.encode() if isinstance(row, str) else row
