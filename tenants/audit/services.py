"""The audit trail of a tenant, or of a partner with its customers: in pages, or as a whole.

Runs in the tenant's context. An entry is made JSON by the database, and nobody reads it on its way: its hash is of what
stands there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from retivo.api.listing import Listing
from retivo.api.pagination import MAX_BYTES, Cursor
from tenants.context import Context
from tenants.models import TenantRole

BATCH = 1000  # entries that are looked at in a transaction of an export
_FETCHED = 10  # at once, so that few are read that a piece has no room for


class NumberCursor(Cursor):
    """For rows that are counted."""

    @staticmethod
    def read_id(text: str) -> str:
        if not (text.isascii() and text.isdecimal() and len(text) < 19):
            raise ValueError("no bigint")
        return text


@dataclass(frozen=True, kw_only=True)
class AuditFilter:
    """Which entries are asked for; None lets all through.

    Args:
        actor: as in `shown_actor`: `staff`, `system`, `api_key:<id>`.
        q: a part of the action, the target, the actor or what changed, in any case.
    """

    action: str | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    q: str | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value is not None}

    @property
    def range(self) -> str:
        """The stretch of time, in the order of the list."""
        return " AND ".join(sql for name, sql in _OF_TIME.items() if name in self.parameters) or "true"

    def remaining(self, *served: str) -> list[str]:
        """The conditions that are no stretch of time, without those that an index serves."""
        return [sql for name, sql in _CONDITIONS.items() if name in self.parameters and name not in served]


_OF_TIME = {"since": "t.created_at >= %(since)s", "until": "t.created_at < %(until)s"}
_CONDITIONS = {
    "action": "t.action = %(action)s",
    "actor": "t.shown_actor = %(actor)s",
    "q": "strpos(lower(concat_ws(' ', t.action, t.target_id, t.shown_actor, t.detail)), lower(%(q)s)) > 0",
}


@dataclass(frozen=True)
class Whose:
    """Whose entries: those that are about one tenant, or all of a family, which has a chain of its own."""

    column: str
    id: UUID

    @classmethod
    def own(cls, tenant_id: UUID, role: TenantRole) -> "Whose":
        """What any key of the tenant with `settings:write` may read: a partner's family takes a scope `partner:…`.

        A tenant without a partner is a family by itself.
        """
        return cls.family(tenant_id) if role == TenantRole.STANDALONE else cls.about(tenant_id)

    @classmethod
    def about(cls, tenant_id: UUID) -> "Whose":
        return cls("tenant_id", tenant_id)

    @classmethod
    def family(cls, family_id: UUID) -> "Whose":
        return cls("family_id", family_id)

    @property
    def is_family(self) -> bool:
        return self.column == "family_id"


_COLUMNS = (
    "id, created_at, public_id, action, shown_actor, target_type, target_id, tenant_id AS about_id, family_id, address,"
    " request_id, detail, redacted_hash, content_salt, content_hash, family_seq, family_previous_hash, family_hash,"
    # A column, because row-level security lets no regular expression into the search of an index.
    " CASE WHEN shown_actor ~ '^api_key:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'"
    " THEN substr(shown_actor, 9)::uuid END AS actors_key_id"
)
_JOINED = """
    LEFT JOIN tenants_apikey k ON k.id = t.actors_key_id
    LEFT JOIN tenants_tenant c ON c.id = t.about_id AND c.id <> t.family_id
"""

# An entry `t` as `audit_family_hash()` has it, and `tenants.audit.serializers.AuditEntrySerializer` describes it.
_SHOWN = """json_build_object(
    'id', coalesce(t.public_id, 'aud_' || t.id),
    'seq', t.family_seq,
    'created_at', to_char(t.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'actor', json_build_object(
        'type', split_part(t.shown_actor, ':', 1),
        'id', nullif(substr(t.shown_actor, strpos(t.shown_actor || ':', ':') + 1), ''),
        'label', nullif(k.label, '')
    ),
    'action', t.action,
    'target', CASE WHEN t.target_type IS NOT NULL
        THEN json_build_object('type', t.target_type, 'id', t.target_id) END,
    'customer', CASE WHEN t.about_id <> t.family_id
        THEN json_build_object('tenant_id', t.about_id, 'external_id', c.external_id) END,
    'changes', audit_changes(t.detail),
    'request_id', t.request_id,
    'ip', CASE WHEN t.shown_actor <> 'staff' THEN host(t.address) END,
    'redacted', t.redacted_hash IS NOT NULL,
    'content_salt', encode(t.content_salt, 'hex'),
    'content_sha256', encode(t.content_hash, 'hex'),
    'previous_hash', encode(t.family_previous_hash, 'hex'),
    'hash', encode(t.family_hash, 'hex')
)::text"""


def _source(column: str) -> str:
    # What column the tenant of a list is named by; there are no entries of no family.
    return f"(SELECT {column} AS tenant_id, {_COLUMNS} FROM tenants_auditentry WHERE family_id IS NOT NULL)"


def _listing(column: str, *indexed: str) -> Listing[msgspec.Raw]:
    return Listing(
        table=_source(column),
        columns=_SHOWN,
        read=lambda row: msgspec.Raw(row[0].encode()),
        descending=True,
        joined=_JOINED,
        indexed=frozenset(indexed),
    )


_LISTINGS = {"tenant_id": _listing("tenant_id"), "family_id": _listing("family_id", "action", "shown_actor")}


def list_entries(*, whose: Whose, where: AuditFilter, limit: int, after: Cursor | None = None) -> dict[str, Any]:
    """A page of the entries, newest first."""
    listing = _LISTINGS[whose.column]
    served = {}  # by an index, which has one of them
    if listing.indexed and where.actor is not None:
        served = {"shown_actor": where.actor}
    elif listing.indexed and where.action is not None:
        served = {"action": where.action}
    page = listing.page(
        tenant_id=whose.id,
        limit=limit,
        after=after,
        where=served,
        ranges=[where.range],
        remaining=where.remaining(*(name.removeprefix("shown_") for name in served)),
        parameters=where.parameters,
    )
    return page.named("entries")


def no_entries() -> dict[str, Any]:
    return {"entries": [], "total": 0, "total_is_exact": True, "next_cursor": None}


def export(*, whose: Whose, where: AuditFilter, context: Context) -> Iterator[bytes]:
    """All entries, oldest first, a line of JSON each.

    A family's are in the order of its chain, unless a time is asked for: whatever is committed meanwhile comes behind
    what was read. Each piece is read in a transaction of its own, because whoever reads the export may take their time.
    """
    by_chain = whose.is_family and where.range == "true"
    key = ("t.family_seq",) if by_chain else ("t.created_at", "t.id")
    matching = " AND ".join(where.remaining()) or "true"
    after: tuple[Any, ...] | None = None
    while True:
        with context(), connection.chunked_cursor() as cursor:
            cursor.execute(
                _piece(whose.column, key, matching, where.range, goes_on=after is not None),
                where.parameters | {"whose": whose.id} | {f"after_{n}": value for n, value in enumerate(after or ())},
            )
            rows, is_last = _fit(cursor)
        if lines := "".join(f"{row[-1]}\n" for row in rows if row[-1] is not None):
            yield lines.encode()
        if is_last:
            return
        after = rows[-1][:-1]


def _piece(column: str, key: tuple[str, ...], matching: str, of_time: str, *, goes_on: bool) -> str:
    places = [f"%(after_{n})s" for n, _ in enumerate(key)]
    beyond = f"({', '.join(key)}) > ({', '.join(places)})" if goes_on else "true"
    order = ", ".join(key)
    return f"""
        SELECT {order}, CASE WHEN {matching} THEN {_SHOWN} END FROM (
            SELECT * FROM {_source(column)} t
            WHERE t.tenant_id = %(whose)s AND {key[0]} IS NOT NULL AND {of_time} AND {beyond}
            ORDER BY {order} LIMIT {BATCH}
        ) t {_JOINED} ORDER BY {order}
    """  # our own constants


def _fit(cursor: Any) -> tuple[list[Any], bool]:
    """The rows of a piece, and whether they are the last ones."""
    rows: list[Any] = []
    size = 0
    while size < MAX_BYTES and len(rows) < BATCH:
        fetched = cursor.fetchmany(_FETCHED)
        rows += fetched
        size += sum(len(row[-1] or "") for row in fetched)
        if len(fetched) < _FETCHED:
            return rows, len(rows) < BATCH
    return rows, False
