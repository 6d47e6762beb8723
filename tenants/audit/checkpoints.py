"""Checkpoints of the audit trail: where each family's chain stands, signed once a day.

Whoever writes past the rights of the database's roles could make a whole chain anew. A checkpoint that its reader keeps
shows that, and so does its signature, by the keys of `tenants.deletion.certificates`.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from retivo.api.listing import Listing
from retivo.api.pagination import Cursor
from tenants.context import staff_context
from tenants.deletion import certificates

BATCH = 500  # families a transaction
TYPE = "audit_checkpoint"  # among all that is signed by the same key


def sign_heads() -> int:
    """Sign the heads of all families that have new entries and no checkpoint of today; how many."""
    total, after = 0, UUID(int=0)
    while True:
        with staff_context(), connection.cursor() as cursor:
            cursor.execute(_DUE, {"after": after, "limit": BATCH})
            due = cursor.fetchall()
            now = datetime.now(UTC)
            cursor.executemany(_INSERT, [_checkpoint(now, *row) for row in due])
        if not due:
            return total
        total, after = total + len(due), due[-1][0]


def _checkpoint(now: datetime, family_id: UUID, seq: int, digest: bytes) -> dict[str, Any]:
    signed = {
        "type": TYPE,
        "tenant_id": family_id,
        "day": now.date(),
        "signed_at": now,
        "seq": seq,
        "hash": bytes(digest).hex(),
    }
    jws = certificates.sign(signed)
    return {"family_id": family_id, "day": now.date(), "signed_at": now, "seq": seq, "hash": digest, "jws": jws}


def list_checkpoints(*, family_id: UUID, limit: int, after: Cursor | None = None) -> dict[str, Any]:
    """A page of the family's checkpoints, newest first. In the context of its tenant."""
    return _LISTING.page(tenant_id=family_id, limit=limit, after=after).named("checkpoints")


def no_checkpoints() -> dict[str, Any]:
    return {"checkpoints": [], "total": 0, "total_is_exact": True, "next_cursor": None}


_SHOWN = ("day", "signed_at", "seq", "hash", "jws")

_LISTING: Listing[dict[str, Any]] = Listing(
    table="(SELECT family_id AS tenant_id, * FROM tenants_auditcheckpoint)",
    columns="t.day, t.signed_at, t.seq, encode(t.hash, 'hex'), t.jws",
    read=lambda row: dict(zip(_SHOWN, row, strict=True)),
    order=("signed_at", "id"),
    descending=True,
)

_DUE = """
    SELECT t.id, head.family_seq, head.family_hash
    FROM tenants_tenant t
    CROSS JOIN LATERAL (
        SELECT e.family_seq, e.family_hash FROM tenants_auditentry e
        WHERE e.family_id = t.id AND e.family_seq IS NOT NULL ORDER BY e.family_seq DESC LIMIT 1
    ) head
    LEFT JOIN LATERAL (
        SELECT c.day, c.seq FROM tenants_auditcheckpoint c WHERE c.family_id = t.id ORDER BY c.day DESC LIMIT 1
    ) newest ON true
    WHERE t.id > %(after)s AND t.parent_id IS NULL
      AND (newest.day IS NULL OR newest.day < (now() AT TIME ZONE 'UTC')::date AND newest.seq < head.family_seq)
    ORDER BY t.id LIMIT %(limit)s
"""

_INSERT = """
    INSERT INTO tenants_auditcheckpoint (family_id, day, signed_at, seq, hash, jws)
    VALUES (%(family_id)s, %(day)s, %(signed_at)s, %(seq)s, %(hash)s, %(jws)s) ON CONFLICT (family_id, day) DO NOTHING
"""
