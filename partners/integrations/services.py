"""What a partner does with its integrations, in its tenant context."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from delivery import services as delivery
from integrations import services as integrations
from integrations import shares
from integrations.models import PartnerIntegration
from integrations.revisions import services as revisions
from learning.patterns import library
from retivo.api.listing import LOOK
from retivo.api.pagination import Cursor, cut
from tenants import customers


def share_integration(*, actor: str, partner_id: UUID, integration_id: UUID, customer_id: UUID) -> dict[str, Any]:
    """Give a customer an integration. Doing it again changes nothing and answers the same.

    Raises:
        Problem: 404 unless both are the partner's; 409 `customer_deleting`.
    """
    customers.check_changeable(partner_id=partner_id, customer_id=customer_id, pointer="/customer_tenant_id")
    registered = shares.share(
        actor=actor, partner_id=partner_id, integration_id=integration_id, customer_id=customer_id
    )
    warm = library.warm_start(partner_id=partner_id, customer_id=customer_id, integration_id=integration_id)
    return {"shared": True, "action_types_registered": registered, "warm_start": warm}


def unshare_integration(
    *, actor: str, partner_id: UUID, integration_id: UUID, customer_id: UUID, actions: str
) -> dict[str, Any]:
    """Take an integration from a customer. Queued actions are sent still, or cancelled.

    Raises:
        Problem: 404 unless the customer has it; 409 `customer_deleting`.
    """
    revisions.found(partner_id=partner_id, integration_id=integration_id)
    customers.check_changeable(partner_id=partner_id, customer_id=customer_id)
    shares.unshare(
        actor=actor, partner_id=partner_id, integration_id=integration_id, customer_id=customer_id, actions=actions
    )
    cancelled = 0
    if actions == shares.CANCEL:
        cancelled = delivery.cancel_actions_of_share(integration_id=integration_id, customer_id=customer_id)
    return {"shared": False, "actions_cancelled": cancelled}


def change_integration(
    *, actor: str, partner_id: UUID, integration_id: UUID, changes: Mapping[str, Any]
) -> PartnerIntegration:
    """Change its name, switch it, or ask for certified endpoints. Raises Problem 404."""
    revisions.found(partner_id=partner_id, integration_id=integration_id)
    integrations.change(actor=actor, integration_id=integration_id, changes=changes)
    return integrations.get(partner_id=partner_id, integration_id=integration_id)


def deprecate_integration(
    *, actor: str, partner_id: UUID, integration_id: UUID, sunset_at: datetime | None
) -> PartnerIntegration:
    """Say when it ends, or take that back. Raises Problem 404."""
    integration = revisions.found(partner_id=partner_id, integration_id=integration_id, lock=True)
    integrations.deprecate(actor=actor, integration=integration, sunset_at=sunset_at)
    return integrations.get(partner_id=partner_id, integration_id=integration_id)


def delete_integration(*, actor: str, partner_id: UUID, integration_id: UUID) -> dict[str, Any]:
    """Take it away for good. Raises Problem 404, 409 `integration_shared`."""
    integration = revisions.found(partner_id=partner_id, integration_id=integration_id, lock=True)
    integrations.delete(actor=actor, integration=integration)
    return {"deleted": True}


def list_having(
    *,
    partner_id: UUID,
    integration_id: UUID,
    where: Mapping[str, Any],
    limit: int,
    after: Cursor | None,
) -> dict[str, Any]:
    """A page of the customers that have an integration, in the order in which they got it.

    Args:
        where: `revision` and `drift`, where they are asked for.
    """
    integration = revisions.found(partner_id=partner_id, integration_id=integration_id)
    asked: dict[str, Any] = {
        "partner_id": partner_id,
        "integration_id": integration.id,
        "current": integration.revision,
        "revision": where.get("revision"),
        "drift": where.get("drift"),
        "after_at": after.created_at if after else None,
        "after_id": str(after.id) if after else None,
        "limit": limit + 1,
    }
    # What drifted is told by looking at each.
    looks = asked["drift"] is not None
    asked["look"] = LOOK if looks else asked["limit"]
    with connection.cursor() as cursor:
        cursor.execute(_HAVING, asked)
        rows = [dict(zip(_NAMES, row, strict=True)) for row in cursor.fetchall()]
        page, next_cursor = cut(rows, limit, lambda row: (row["shared_at"], str(row["tenant_id"])))
        if looks and next_cursor is None:
            cursor.execute(_LAST_LOOKED_AT, asked)
            next_cursor = next((str(Cursor(*place)) for place in cursor.fetchall()), None)
        cursor.execute(_COUNT_DRIFT if looks else _COUNT_HAVING, asked | {"after_at": None, "after_id": None})
        total, there = cursor.fetchone()
    return {
        "customers": page,
        "total": total,
        "total_is_exact": not looks or there < LOOK,
        "next_cursor": next_cursor,
    }


_NAMES = ("tenant_id", "external_id", "name", "revision", "shared_at", "switched_off", "shadowed")

_HAS = """
    FROM integrations_integrationshare s
    WHERE s.integration_id = %(integration_id)s AND s.partner_id = %(partner_id)s AND s.ended_at IS NULL
      AND (%(revision)s::int IS NULL OR s.revision = %(revision)s)
"""

# A stretch of the list, by the index `share_listed`.
_LOOKED_AT = f"""
    looked_at AS MATERIALIZED (
        SELECT s.tenant_id, s.integration_id, s.revision, s.created_at {_HAS}
          AND (%(after_at)s::timestamptz IS NULL OR (s.created_at, s.tenant_id) > (%(after_at)s, %(after_id)s::uuid))
        ORDER BY s.created_at, s.tenant_id LIMIT %(look)s
    )
"""  # a constant

# What of the revision is not there was left out, because the customer has an own one of that name.
_STANDS = """
    FROM looked_at s CROSS JOIN LATERAL (
        SELECT ARRAY(
            SELECT a.name FROM integrations_actiontype a
            WHERE a.tenant_id = s.tenant_id AND a.integration_id = s.integration_id AND a.revision = s.revision
              AND NOT a.active
            ORDER BY a.name
        ) AS switched_off, ARRAY(
            SELECT m.name FROM integrations_revisiontemplate m
            WHERE m.integration_id = s.integration_id AND m.revision = s.revision AND NOT EXISTS (
                SELECT FROM integrations_actiontype a
                WHERE a.tenant_id = s.tenant_id AND a.integration_id = s.integration_id AND a.name = m.name
            )
            ORDER BY m.position
        ) AS shadowed
        OFFSET 0
    ) d
    WHERE (
        %(drift)s::boolean IS NULL
        OR %(drift)s = (s.revision <> %(current)s OR d.switched_off <> '{}' OR d.shadowed <> '{}')
    )
"""

_HAVING = f"""
    WITH {_LOOKED_AT}, found AS (
        SELECT s.*, d.* {_STANDS} ORDER BY s.created_at, s.tenant_id LIMIT %(limit)s
    )
    SELECT f.tenant_id, t.external_id, t.name, f.revision, f.created_at, f.switched_off, f.shadowed
    FROM found f JOIN tenants_tenant t ON t.id = f.tenant_id
    ORDER BY f.created_at, f.tenant_id
"""  # a constant

_LAST_LOOKED_AT = f"""
    WITH {_LOOKED_AT}
    SELECT s.created_at, s.tenant_id FROM looked_at s
    WHERE (SELECT count(*) FROM looked_at) = %(look)s ORDER BY s.created_at DESC, s.tenant_id DESC LIMIT 1
"""  # a constant

_COUNT_HAVING = f"SELECT count(*), 0 {_HAS}"  # a constant

_COUNT_DRIFT = f"WITH {_LOOKED_AT} SELECT count(*), (SELECT count(*) FROM looked_at) {_STANDS}"  # a constant
