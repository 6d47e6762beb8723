"""The list of a partner's customers. It carries load, so it is SQL, which names no filter that was not asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from retivo.api import values
from retivo.api.pagination import invalid_cursor, sealed, unsealed

# What a list can be ordered by: the column, and whether downwards. Each has an index that begins with the partner.
SORTS = {"created_at": ("created_at", False), "-created_at": ("created_at", True), "name": ("name", False)}


@dataclass(frozen=True)
class Place:
    """The last row of the page before, in the order that the list has."""

    sort: str
    value: datetime | str
    id: UUID

    def __str__(self) -> str:
        value = self.value.astimezone(UTC).isoformat() if isinstance(self.value, datetime) else self.value
        return sealed(f"{self.sort} {self.id} {value}")

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Raises Problem 400 for a cursor that no answer of ours held."""
        try:
            sort, id, value = unsealed(text).split(" ", 2)
            is_name = SORTS[sort][0] == "name"
            if "\0" in value:
                raise ValueError("a NUL character")
            return cls(sort, value if is_name else values.timestamp(value), UUID(id))
        except (KeyError, ValueError) as error:
            raise invalid_cursor() from error


@dataclass(frozen=True, kw_only=True)
class CustomerFilter:
    """Which customers a list holds; None does not filter. `q` is a part of name, slug or external id, in any case."""

    plan_tier: str | None = None
    plan_status: str | None = None
    slug: str | None = None
    external_id: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    q: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, Any]:
        asked = {name: getattr(self, name) for name in _CONDITIONS if getattr(self, name) is not None}
        return asked | {"metadata": values.encode(self.metadata).decode()} if self.metadata else asked

    @property
    def matching(self) -> str:
        """The FROM and WHERE of those that it holds."""
        conditions = [_CONDITIONS[name] for name in _CONDITIONS if getattr(self, name) is not None]
        conditions += [_METADATA] if self.metadata else []
        own = "t.parent_id = %(partner_id)s"
        for name in ("external_id", "slug"):
            if getattr(self, name) is not None:  # of one row at most: found before there is anything to sort
                one = f"(SELECT * FROM tenants_tenant t WHERE {own} AND {_CONDITIONS[name]} OFFSET 0)"  # noqa: S608
                return " AND ".join([f"FROM {one} t WHERE true", *conditions])
        return " AND ".join([f"FROM tenants_tenant t WHERE {own}", *conditions])


_CONDITIONS = {
    "plan_tier": "t.plan_tier = %(plan_tier)s",
    "plan_status": "t.plan_status = %(plan_status)s",
    "slug": "t.slug = %(slug)s",
    "external_id": "t.external_id = %(external_id)s",
    "created_after": "t.created_at > %(created_after)s",
    "created_before": "t.created_at < %(created_before)s",
    "q": 'strpos(t.search, lower(%(q)s) COLLATE "C") > 0',
}
_METADATA = "t.metadata @> %(metadata)s::jsonb"


@dataclass(frozen=True, kw_only=True)
class Page:
    """A stretch of the list: all of it where `limit` is None."""

    sort: str = "created_at"
    limit: int | None = None
    after: Place | None = None


class Customer(msgspec.Struct):
    """A customer as the list shows it."""

    tenant_id: UUID
    external_id: str | None
    name: str
    slug: str
    plan_tier: str
    plan_status: str
    tracked_user_limit: int
    metadata: msgspec.Raw
    delete_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "Customer":
        """Of the first columns of a row that begins with COLUMNS."""
        customer = cls(*row[:WIDTH])
        customer.metadata = msgspec.Raw(row[_METADATA_AT].encode())
        return customer


_FIELDS = Customer.__struct_fields__
WIDTH, _METADATA_AT = len(_FIELDS), _FIELDS.index("metadata")

COLUMN_NAMES = ["id", *_FIELDS[1:]]
COLUMNS = ", ".join(f"t.{name}" for name in COLUMN_NAMES).replace("t.metadata", "t.metadata::text AS metadata")


def list_customers(*, partner_id: UUID, where: CustomerFilter, page: Page) -> dict[str, Any]:
    """The partner's customers in the page's order. `total` counts what the filter matches, on all pages."""
    asked = {"partner_id": partner_id, **where.parameters}
    rows, next_cursor = page_of(statement(where, page), asked, page)
    total = len(rows) if is_whole(page, next_cursor) else rows_of(f"SELECT count(*) {where.matching}", asked)[0][0]
    return {"customers": [Customer.of(row) for row in rows], "total": total, "next_cursor": next_cursor}


def statement(where: CustomerFilter, page: Page) -> str:
    """The SQL of a page: rows of COLUMNS."""
    column, downwards = SORTS[page.sort]
    behind, order = ("<", "DESC") if downwards else (">", "ASC")
    after = f"AND (t.{column}, t.id) {behind} (%(after)s, %(after_id)s::uuid)" if page.after else ""
    limit = "LIMIT %(limit)s::int" if page.limit is not None else ""
    return f"""
        SELECT {COLUMNS} {where.matching} {after}
        ORDER BY t.{column} {order}, t.id {order} {limit}
    """


def page_of(sql: str, asked: Mapping[str, Any], page: Page) -> tuple[list[tuple[Any, ...]], str | None]:
    """Rows that begin with COLUMNS, and the cursor of the next page."""
    place = {"after": page.after.value, "after_id": page.after.id} if page.after else {}
    limit = {"limit": page.limit + 1} if page.limit is not None else {}
    rows = rows_of(sql, {**asked, **place, **limit})
    if page.limit is None or len(rows) <= page.limit:
        return rows, None
    rows = rows[: page.limit]
    return rows, str(Place(page.sort, rows[-1][_FIELDS.index(SORTS[page.sort][0])], rows[-1][0]))


def is_whole(page: Page, next_cursor: str | None) -> bool:
    return next_cursor is None and page.after is None


def rows_of(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
