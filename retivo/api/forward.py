"""Lists read forward, in the order of commits, by readers that come back for what is new: each row once.

A reader makes one walk after another. Each has the rows that are visible in the snapshot with which it begins
(`retivo.database.commits`) and were not in that of the walk before; nothing joins these rows any more. The first walk
has the list's own order, since old rows have no position, and each other goes by position. The cursor holds both
snapshots and where in the walk the reader stands, so it leads on for ever. No open transaction holds up what others
have committed, however long it stays open.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import connection

from retivo.api.listing import IN_ORDER, LOOK, Listing, Page
from retivo.api.pagination import (
    ADDED,
    Cursor,
    CursorField,
    NameCursor,
    PageQuerySerializer,
    bounded,
    invalid_cursor,
    sealed,
    unsealed,
)
from retivo.api.serializers import ChoiceField, StringField
from retivo.database.commits import Snapshot, snapshot

Row = TypeVar("Row")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a reader stands: all that was visible in `before` was given.

    Args:
        before: None in the first walk.
        now: that of the walk; None between two walks.
        last: the row given last in this walk, by what the walk is ordered by; None where there is none yet.
    """

    before: Snapshot | None = None
    now: Snapshot | None = None
    last: tuple[datetime | int, str] | None = None

    def __str__(self) -> str:
        value, row_id = self.last or ("", "")
        if isinstance(value, datetime):
            value = value.astimezone(UTC).isoformat()
        return sealed(f"{_MARK} {self.before or ''} {self.now or ''} {value} {row_id}")

    @classmethod
    def parse(cls, text: str) -> "Place | None":
        """None for a cursor of another kind.

        Raises:
            Problem: 400 for one that no answer of ours held.
        """
        try:
            mark, *parts = unsealed(text).split(" ", 4)
            return _parsed(*parts) if mark == _MARK else None
        except (ValueError, TypeError, OverflowError) as error:
            raise invalid_cursor() from error


_MARK = "committed"
BEGINNING = Place()


def _parsed(before: str, now: str, value: str, row_id: str) -> Place:
    if "\0" in row_id or bool(value) < bool(row_id) or bool(now) < bool(value) or not (before or now):
        raise ValueError("parts that do not fit together")
    place = Place(
        before=Snapshot.parse(before) if before else None,
        now=Snapshot.parse(now) if now else None,
    )
    if not value:
        return place
    if not before:
        return replace(place, last=(datetime.fromisoformat(value).astimezone(UTC), row_id))
    # A snapshot's number is written as a position is.
    return replace(place, last=(Snapshot.parse(f"{value}:").end, row_id))


@dataclass(frozen=True, kw_only=True)
class Stretch(Generic[Row]):
    """What was read, each row with its own place, and where to go on. `is_all` if there is no more for now."""

    rows: list[tuple[Row, Place]]
    next: Place
    is_all: bool


def page(
    listing: Listing[Row],
    *,
    tenant_id: UUID,
    limit: int,
    after: Place,
    since: datetime | None = None,
    where: Mapping[str, Any] = MappingProxyType({}),
) -> Page[Row]:
    """A stretch as a page of a list. Its cursor leads on even where there is no more for now, which `total` tells."""
    found = stretch(listing, tenant_id=tenant_id, limit=limit, after=after, since=since, where=where)
    rows = [row for row, _ in found.rows]
    return Page(rows=rows, total=len(rows), total_is_exact=found.is_all, next_cursor=str(found.next))


def stretch(
    listing: Listing[Row],
    *,
    tenant_id: UUID,
    limit: int,
    after: Place = BEGINNING,
    since: datetime | None = None,
    until: datetime | None = None,
    where: Mapping[str, Any] = MappingProxyType({}),
) -> Stretch[Row]:
    """At most `limit` of the rows behind `after`, at most `LOOK` being looked at in a walk.

    Args:
        listing: of a table that has `position`, and an index with it and the id behind the tenant.
        since: only rows of this time or later.
        until: only rows of before.
        where: values that columns have.
    """
    time = listing.order[0]
    filters = [f"t.{name} = %({name})s" for name in where]
    filters += [f"t.{time} >= %(since)s"] * (since is not None) + [f"t.{time} < %(until)s"] * (until is not None)
    asked = {"tenant_id": tenant_id, "since": since, "until": until, **where, "limit": limit + 1}
    is_new = after.now is None
    found = _walk(listing, after if after.now else replace(after, now=snapshot()), filters, asked)
    if found.is_all and not is_new:  # the end of a walk that began earlier
        if found.rows:
            return replace(found, is_all=False)
        found = _walk(listing, replace(found.next, now=snapshot()), filters, asked)
    return found


def _walk(listing: Listing[Row], place: Place, filters: list[str], asked: dict[str, Any]) -> Stretch[Row]:
    """What follows `place` in its own walk."""
    now, before = place.now, place.before
    assert now is not None  # noqa: S101  # for the type checker
    time, row_id = listing.order
    by = time if before is None else "position"
    ranges = _ranges(place, asked["since"], asked["until"])
    if not ranges:
        return Stretch(rows=[], next=Place(before=now), is_all=True)
    filters = [*filters, f"(t.position IS NULL OR {now.condition('now')})"]
    asked = asked | now.parameters("now")
    ordered = f"ORDER BY t.{by}, t.{row_id}"
    stretches = []
    for n, (behind, end) in enumerate(ranges):
        asked |= {f"value_{n}": behind[0], f"id_{n}": behind[1], f"end_{n}": end}
        stretches.append(
            f"(SELECT * FROM {listing.table} t WHERE t.tenant_id = %(tenant_id)s"
            f" AND (t.{by}, t.{row_id}) > (%(value_{n})s, %(id_{n})s) AND t.{by} < %(end_{n})s {ordered} LIMIT {LOOK})"
        )
    look = f" FROM ({' UNION ALL '.join(stretches)}) t {ordered}"
    statement = bounded(
        f"SELECT t.{by}, t.{row_id}, {listing.columns} FROM (SELECT * {look} LIMIT {LOOK}) t {listing.joined}"
        f" WHERE {' AND '.join(filters)} {ordered} LIMIT %(limit)s"
    )
    # The last row looked at, in the same snapshot: rows that come or go between two statements would move it. It is
    # looked for only where the page is not full.
    last_looked_at = f"SELECT ARRAY[to_jsonb(t.{by}) #>> '{{}}', t.{row_id}] {look} OFFSET {LOOK - 1} LIMIT 1"
    with connection.cursor() as cursor:
        cursor.execute(IN_ORDER)
        cursor.execute(
            f"SELECT page.*, CASE WHEN page.found IS NULL OR page.found < %(limit)s THEN ({last_looked_at}) END"
            f" FROM (SELECT) one LEFT JOIN ({statement}) page ON true",
            asked,
        )
        fitting = cursor.fetchall()
    found, last = fitting[0][-2:]
    page = fitting[: asked["limit"] - 1] if found else []
    rows = [(listing.read(row[2 : -ADDED - 1]), replace(place, last=row[:2])) for row in page]
    if found and found > len(rows):
        return Stretch(rows=rows, next=rows[-1][1], is_all=False)
    if last is not None:
        looked_at = int(last[0]) if before else datetime.fromisoformat(last[0])
        return Stretch(rows=rows, next=replace(place, last=(looked_at, last[1])), is_all=False)
    return Stretch(rows=rows, next=Place(before=now), is_all=True)


def _ranges(place: Place, since: datetime | None, until: datetime | None) -> list[tuple[tuple[Any, str], Any]]:
    """What is left of the walk, in its order: behind which value and id each range begins, and before which it ends.

    One comparison begins a range and one ends it, and both follow the list's order. So there is one index to choose,
    whatever the statistics say, and PostgreSQL reads no more of it than the range: with `position = ANY(…)` it may take
    the order of ids from another index, and of two comparisons that begin a range it may start at the lower one.
    """
    assert place.now is not None  # noqa: S101  # for the type checker
    ranges: list[tuple[Any, Any]] = [(since or _FIRST, until or _LAST)]
    if place.before is not None:
        ranges = place.now.new_since(place.before)
    starts = [((first, ""), end) for first, end in ranges]
    if place.last is None:
        return starts
    return [(max(start, place.last), end) for start, end in starts if end > place.last[0]]


_FIRST, _LAST = (each.replace(tzinfo=UTC) for each in (datetime.min, datetime.max))


class PlaceField(CursorField):
    """A cursor of a list that is only read forward."""

    def to_internal_value(self, data: Any) -> Any:
        place = Place.parse(StringField.to_internal_value(self, data))
        if place is None:
            raise invalid_cursor()
        return place


class _AnyCursorField(CursorField):
    def to_internal_value(self, data: Any) -> Any:
        return Place.parse(StringField.to_internal_value(self, data)) or super().to_internal_value(data)


class ForwardPageQuerySerializer(PageQuerySerializer):
    """Query parameters of a list that is read from its newest row back, or forward in the order of commits."""

    order = ChoiceField(
        ["newest", "committed"],
        required=False,
        default="newest",
        help_text="`committed` reads forward, so that you can ask for what is new: `next_cursor` is never null, and if "
        "you go on from it you get each row once, also those that were being written meanwhile. `total` is the length "
        "of the page, and `total_is_exact` is true if there is nothing more for now.",
    )
    cursor = _AnyCursorField(
        of=NameCursor, required=False, default=None, help_text="`next_cursor` of the page before; it knows the `order`."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["order"] == "committed" and isinstance(attrs["cursor"], Cursor):
            raise invalid_cursor()
        return attrs

    @property
    def place(self) -> Place | Cursor | None:
        """Where the page begins; None for the newest row."""
        wanted: Place | Cursor | None = self.validated_data["cursor"]
        return BEGINNING if wanted is None and self.validated_data["order"] == "committed" else wanted

    @property
    def asked(self) -> dict[str, Any]:
        asked = super().asked
        del asked["where"]["order"]
        return asked | {"after": self.place}
