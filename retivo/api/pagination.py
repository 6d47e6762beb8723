"""Keyset pages over lists that are ordered by `(created_at, id)`: `limit`, an opaque `cursor`, `next_cursor`.

A page ends at its limit, or earlier at 4 MiB: what tenants may fill freely is large where they want it to be.
"""

import base64
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from django.db import connection
from django.db.models import Model, QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from retivo import encryption
from retivo.api import values
from retivo.api.errors import FieldError, Problem, validation_failed
from retivo.api.serializers import QueryIntegerField, StrictSerializer, StringField

Row = TypeVar("Row")
Found = TypeVar("Found", bound=Model)

MAX_BYTES = 4 * 2**20


def sealed(place: str) -> str:
    """A cursor for a place in a list.

    Nobody else can read it: counted ids, addresses of rows and numbers of transactions tell how much all tenants write.
    """
    return base64.urlsafe_b64encode(encryption.seal(place.encode(), purpose="cursor")).decode()


def unsealed(cursor: str) -> str:
    """The place that a cursor was made for. Those of the release before are not sealed.

    Raises:
        ValueError: this is no cursor of ours.
    """
    sent = base64.b64decode(cursor.encode(), altchars=b"-_", validate=True)
    place = encryption.unseal(sent, purpose="cursor")
    return (sent if place is None else place).decode()


@dataclass(frozen=True)
class Cursor:
    """The last row of the page before."""

    created_at: datetime
    id: uuid.UUID | str

    def __str__(self) -> str:
        return sealed(f"{self.created_at.astimezone(UTC).isoformat()} {self.id}")

    @staticmethod
    def read_id(text: str) -> uuid.UUID | str:
        """Raises ValueError for what is no id."""
        return uuid.UUID(text)

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Raises Problem 400 for a cursor that no answer of ours held."""
        try:
            created_at, _, row_id = unsealed(text).partition(" ")
            return cls(values.timestamp(created_at), cls.read_id(row_id))
        except ValueError as error:
            raise invalid_cursor() from error


def invalid_cursor() -> Problem:
    detail = "This cursor is not valid for this list. Send the `next_cursor` of the previous page as it is."
    return validation_failed([FieldError(pointer="/cursor", code="invalid_cursor", detail=detail)])


class NameCursor(Cursor):
    """For a list whose ids are names that somebody else gave."""

    @staticmethod
    def read_id(text: str) -> str:
        if "\0" in text:
            raise ValueError("a NUL character")
        return text


ADDED = 3  # columns, by `bounded`


def bounded(statement: str) -> str:
    """The statement of a page, without the rows that begin beyond `MAX_BYTES`; they never leave the database.

    A last column `found` says how many rows there were with those, for `cut`. The first row is always there.
    """
    return f"""
        WITH page AS ({statement}), sized AS (
            SELECT page.*, octet_length(page::text) AS row_bytes FROM page
        ), summed AS (
            SELECT sized.*, sum(row_bytes) OVER (ROWS UNBOUNDED PRECEDING) - row_bytes AS bytes_before,
                count(*) OVER () AS found
            FROM sized
        )
        SELECT * FROM summed WHERE bytes_before < {MAX_BYTES}
    """  # noqa: S608  # our own statement


def cut_query(
    rows: QuerySet[Found], limit: int, place: Callable[[Found], tuple[datetime, uuid.UUID | str]]
) -> tuple[list[Found], str | None]:
    """`cut` of an ordered queryset; it is asked first how many rows fit on a page."""
    statement, parameters = rows[: limit + 1].query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*), max(found) FROM ({bounded(statement)}) fitting", parameters)  # noqa: S608
        fitting, found = cursor.fetchone()
    return cut(rows[:fitting], limit, place, found=found or 0)


def cut(
    rows: Iterable[Row],
    limit: int | None,
    place: Callable[[Row], tuple[datetime, uuid.UUID | str]],
    *,
    found: int | None = None,
) -> tuple[list[Row], str | None]:
    """A page of `rows`, and the cursor of the next page; None where this is the last one.

    Args:
        rows: one more than `limit` were asked for, which tells whether there is a next page.
        limit: None for all of them.
        place: where a row stands in the list: `(created_at, id)`, or what the list is ordered by instead.
        found: how many rows there were before `bounded` left some out; None where it was not asked.
    """
    page = list(rows)
    if (len(page) if found is None else found) <= min(len(page), limit or len(page)):
        return page, None
    page = page[:limit]
    return page, str(Cursor(*place(page[-1])))


class ParsedCursor(Protocol):
    """What a list's cursor can be read from."""

    @classmethod
    def parse(cls, text: str) -> Any:
        """Raises Problem 400 for a cursor that no answer of ours held."""


@extend_schema_field({"type": "string", "format": "cursor"})
class CursorField(StringField):
    """A cursor in a query."""

    default_validators = []

    def __init__(self, *, of: type[ParsedCursor] = Cursor, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.of = of

    def to_internal_value(self, data: Any) -> Any:
        return self.of.parse(super().to_internal_value(data))


_BESIDE_ROWS = ("total", "total_is_exact", "next_cursor")


class PageQuerySerializer(StrictSerializer):
    """Query parameters of a list, all optional; whatever a list has beside these is a filter."""

    limit = QueryIntegerField(
        required=False, default=50, min_value=1, max_value=1000, help_text="The length of a page."
    )
    cursor = CursorField(of=NameCursor, required=False, help_text="`next_cursor` of the page before.")

    @property
    def asked(self) -> dict[str, Any]:
        """What a service that lists is asked: `limit`, `after` and `where`."""
        where = dict(self.validated_data)
        return {"limit": where.pop("limit"), "after": where.pop("cursor", None), "where": where}


class PageSerializer(serializers.Serializer[Any]):
    """An answer with a page of rows; the list's own serializer adds the rows."""

    total = serializers.IntegerField(help_text="How many the filter matches, on all pages.")
    next_cursor = serializers.CharField(allow_null=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """The rows first."""
        fields: dict[str, serializers.Field[Any, Any, Any, Any]] = super().get_fields()
        return dict(sorted(fields.items(), key=lambda field: field[0] in _BESIDE_ROWS))


class LookedAtPageSerializer(PageSerializer):
    """An answer with a page of `retivo.api.listing`."""

    total = serializers.IntegerField(
        help_text="How many the filter matches, on all pages; at least so many where `total_is_exact` is false."
    )
    total_is_exact = serializers.BooleanField(
        help_text="False where the list goes on behind its first 10,000 rows, which are those counted."
    )
    next_cursor = serializers.CharField(
        allow_null=True,
        help_text="Null on the last page. A page may be shorter than `limit`, even empty, and not be the last.",
    )
