"""Deletions of a partner's customers, read. Every function runs in the partner's tenant context."""

from datetime import datetime
from typing import Any
from uuid import UUID

from retivo.api.errors import not_found
from retivo.api.pagination import NameCursor, cut
from tenants.deletion import certificates
from tenants.models import Deletion


def list_deletions(*, partner_id: UUID, limit: int, after: NameCursor | None, where: dict[str, Any]) -> dict[str, Any]:
    """A page of the partner's deletions, the newest first."""
    found = Deletion.objects.filter(owner_id=partner_id, **where)
    total = found.count()
    if after is not None:
        found = found.extra(where=["(requested_at, id) < (%s, %s)"], params=[after.created_at, after.id])
    rows, next_cursor = cut(found.order_by("-requested_at", "-id")[: limit + 1], limit, _place)
    return {"deletions": [shown(row) for row in rows], "total": total, "next_cursor": next_cursor}


def get_deletion(*, partner_id: UUID, deletion_id: str) -> dict[str, Any]:
    """One of the partner's deletions.

    Raises:
        Problem: 404 if there is none.
    """
    found = Deletion.objects.filter(owner_id=partner_id, id=deletion_id).first() if "\0" not in deletion_id else None
    if found is None:
        raise not_found()
    return {"deletion": shown(found)}


def shown(row: Deletion) -> dict[str, Any]:
    """A deletion as the API shows it."""
    return {
        "id": row.id,
        "status": row.status,
        "tenant_id": row.subject_id,
        "tenant_id_hash": row.subject_hash,
        "external_id_hash": row.external_id_hash,
        "requested_by": row.requested_by,
        "requested_at": row.requested_at,
        "delete_at": row.delete_at,
        "reason": row.reason,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "rows_deleted": row.rows_deleted,
        "failure": row.failure or None,
        "certificate": certificates.read(row.jws) if row.jws else None,
    }


def _place(row: Deletion) -> tuple[datetime, str]:
    return row.requested_at, row.id
