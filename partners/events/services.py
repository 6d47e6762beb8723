"""A page of a partner's feed, by one statement: the look-up of the key with this query behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from delivery.webhooks.services import event_gone
from partners.references import CustomerReference
from retivo.api.listing import LOOK
from retivo.api.pagination import MAX_BYTES
from tenants import catalogue, feed
from tenants.access.authentication import Query


@dataclass(frozen=True, kw_only=True)
class EventFilter:
    """Which events a page holds; None lets all through."""

    types: Sequence[str] | None = None
    customer: CustomerReference | None = None


class Page(msgspec.Struct):
    events: msgspec.Raw
    next_cursor: str | None
    next_after: str | None


def page_query(*, where: EventFilter, after: str | None, limit: int) -> Query:
    """Asks for the events behind `after`, oldest first; `page` reads the answer."""
    tenant_id, external_id = where.customer or (None, None)
    return Query(
        sql=_sql(of_customer=where.customer is not None, of_types=where.types is not None),
        parameters={
            "after": after,
            "limit": limit,
            "types": where.types and list(where.types),
            "customer_id": tenant_id,
            "external_id": external_id,
        },
    )


def page(row: tuple[Any, ...] | None, *, after: str | None) -> Page:
    """A page, and where to go on: `next_cursor` if there is more, `next_after` in any case.

    Raises:
        Problem: 410 `event_gone` if the feed has no event `after`.
    """
    assert row is not None  # noqa: S101  # for mypy
    is_there, events, is_cut, last, looked_at, newest = row
    if not is_there:
        raise event_gone()
    goes_on: str | None = last if is_cut else looked_at
    return Page(msgspec.Raw(events.encode()), goes_on, goes_on or newest or after)


def event_types() -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "version": kind.version,
            "description": kind.description,
            "since": kind.since,
            "schema": kind.data,
            "example": kind.example,
        }
        for name, kind in sorted(catalogue.EVENTS.items())
    ]


@cache
def _sql(*, of_customer: bool, of_types: bool) -> str:
    """Of the rows that an index finds, at most `LOOK` are looked at for a filter that none serves."""
    found = "FROM tenants_partnerevent e WHERE e.tenant_id = caller.tenant_id AND e.seq > place.seq"
    order = "e.seq"
    if of_customer:
        # By a range, and first in the order: no other index has this order.
        found += " AND e.customer_id >= place.customer_id AND e.customer_id <= place.customer_id"
        order = "e.customer_id, e.seq"
    looked = f"{found} ORDER BY {order}"
    matching = "e.type = ANY (%(types)s::text[])" if of_types else "true"
    looked_at = f"(SELECT e.id {looked} OFFSET {LOOK - 1} LIMIT 1)" if of_types else "NULL"
    return f"""
        SELECT place.is_there, page.events, page.is_cut, page.last, {looked_at},
            (SELECT e.id FROM tenants_partnerevent e
              WHERE e.tenant_id = caller.tenant_id AND e.seq > place.seq ORDER BY e.seq DESC LIMIT 1)
        FROM (
            SELECT %(after)s::text IS NULL OR b.seq IS NOT NULL AS is_there, coalesce(b.seq, 0) AS seq,
                coalesce(%(customer_id)s::uuid, (
                    SELECT t.id FROM tenants_tenant t
                    WHERE t.parent_id = caller.tenant_id AND t.external_id = %(external_id)s::text
                )) AS customer_id
            FROM (SELECT 1) one LEFT JOIN tenants_partnerevent b
                ON b.id = %(after)s::text AND b.tenant_id = caller.tenant_id
            -- Evaluated by itself: under row-level security only plain columns are compared by an index.
            OFFSET 0
        ) place
        CROSS JOIN LATERAL (
            SELECT '[' || coalesce(string_agg(f.wire, ',' ORDER BY f.seq) FILTER (WHERE f.fits), '') || ']' AS events,
                bool_or(NOT f.fits) IS TRUE AS is_cut,
                (array_agg(f.id ORDER BY f.seq DESC) FILTER (WHERE f.fits))[1] AS last
            FROM (
                SELECT m.id, m.seq, m.wire, row_number() OVER in_order = 1
                    OR row_number() OVER in_order <= %(limit)s::int
                    AND sum(octet_length(m.wire)) OVER in_order < {MAX_BYTES} AS fits
                FROM (
                    SELECT e.id, e.seq, {feed.WIRE} AS wire
                    FROM (SELECT e.* {looked} LIMIT {LOOK}) e
                    WHERE {matching} ORDER BY e.seq LIMIT %(limit)s::int + 1
                ) m WINDOW in_order AS (ORDER BY m.seq)
            ) f
        ) page
    """  # our own constants
