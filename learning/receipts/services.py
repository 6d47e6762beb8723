"""A tenant's own part in the shared patterns: what it agreed to, spent, and decides by. In its context."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from learning.patterns import privacy
from learning.services import MISLEADING
from retivo.api.pagination import Cursor, cut

_DIGITS = 6  # beyond them is the rounding of a sum


def of_tenant(*, tenant_id: UUID) -> dict[str, Any]:
    """Its consent, what it spent in the last 365 days, and how far it trusts the patterns."""
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, {"tenant_id": tenant_id})
        own, partners, effective, rho, weight = cursor.fetchone()
    return {
        "consent": {"own": own, "partners": partners, "effective": effective},
        "privacy": {
            "epsilon": round(privacy.epsilon_of(rho), _DIGITS),
            "budget": settings.PATTERNS_EPSILON,
            "delta": privacy.DELTA,
        },
        "patterns": {"weight": weight, "misleading": weight is not None and weight < MISLEADING},
    }


def receipts(*, tenant_id: UUID, limit: int, after: Cursor | None) -> dict[str, Any]:
    """Its receipts, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            _RECEIPTS,
            {
                "tenant_id": tenant_id,
                "at": after.created_at if after else None,
                "name": after.id if after else None,
                "limit": limit + 1,
            },
        )
        rows = cursor.fetchall()
        cursor.execute("SELECT count(*) FROM learning_receipt WHERE tenant_id = %(id)s", {"id": tenant_id})
        (total,) = cursor.fetchone()
    page, next_cursor = cut(rows, limit, lambda row: (row[3], row[4]))
    return {
        "receipts": [{"release": release, "date": day, "epsilon": epsilon} for release, day, epsilon, *_ in page],
        "total": total,
        "next_cursor": next_cursor,
    }


_STANDING = """
    SELECT stricter_consent(jsonb_build_object('learning', t.config->'learning'), '{}'), partners_consent(),
        learning_consent(),
        (SELECT coalesce(sum(r.rho), 0) FROM learning_receipt r
         WHERE r.tenant_id = t.id AND r.released_on > (now() AT TIME ZONE 'UTC')::date - 365),
        (SELECT m.pattern_weight FROM learning_modelstate m WHERE m.tenant_id = t.id)
    FROM tenants_tenant t WHERE t.id = %(tenant_id)s
"""

_RECEIPTS = """
    SELECT r.release_id, r.released_on, r.epsilon, of.midnight, of.name
    FROM learning_receipt r CROSS JOIN LATERAL (
        SELECT r.released_on::timestamp AT TIME ZONE 'UTC' AS midnight, lpad(r.release_id::text, 19, '0') AS name
    ) of
    WHERE r.tenant_id = %(tenant_id)s AND (%(at)s::timestamptz IS NULL OR (of.midnight, of.name) < (%(at)s, %(name)s))
    ORDER BY of.midnight DESC, of.name DESC LIMIT %(limit)s::int
"""
