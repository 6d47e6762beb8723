"""Sharing an integration with all customers that have it not. Runs in the partner's context, or as staff.

A step is one transaction under the lock of the job's row, as of a roll-out.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from integrations import shares
from integrations.models import Sharing
from integrations.revisions import services as revisions
from retivo.api.errors import not_found
from tenants import outbox

BATCH = 250
# What failed with an error is tried again after that.
_REST = timedelta(minutes=1)


def start(*, actor: str, partner_id: UUID, integration_id: UUID) -> Sharing:
    """Begin; a worker does. While one is under way, asking again answers that one.

    Raises:
        Problem: 404; 409 `integration_inactive`, `integration_deprecated` or `endpoint_not_certified`.
    """
    integration = revisions.found(partner_id=partner_id, integration_id=integration_id, lock=True)
    shares.check_sharable(
        active=integration.active,
        deprecated_at=integration.deprecated_at,
        is_certified=shares.is_certified(integration.id),
    )
    under_way = Sharing.objects.filter(integration_id=integration.id, finished_at=None).first()
    if under_way is not None:
        return under_way
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"partner_id": partner_id, "integration_id": integration.id})
        (total,) = cursor.fetchone()
    sharing = Sharing(tenant_id=partner_id, integration_id=integration.id, total=total, asked_by=actor)
    sharing.save(force_insert=True)
    sharing.refresh_from_db()
    outbox.record(
        actor=actor,
        action="integration.sharing_started",
        tenant_id=partner_id,
        target=outbox.Target("integration", integration.id),
        data={"integration_id": integration.id, "provider": integration.provider, "customers": total},
    )
    return sharing


def newest(*, partner_id: UUID, integration_id: UUID) -> Sharing:
    """The one that was asked for last. Raises Problem 404."""
    revisions.found(partner_id=partner_id, integration_id=integration_id)
    sharings = Sharing.objects.filter(tenant_id=partner_id, integration_id=integration_id)
    sharing = sharings.order_by("-created_at").first()
    if sharing is None:
        raise not_found()
    return sharing


def due(*, partner_id: UUID) -> list[str]:
    """Those of the partner that are under way."""
    unfinished = Sharing.objects.filter(tenant_id=partner_id, finished_at=None, due_at__lte=Now())
    return list(unfinished.order_by("created_at").values_list("id", flat=True))


def step(sharing_id: str) -> bool:
    """One batch of customers; whether there are more."""
    found = Sharing.objects.select_for_update(no_key=True, skip_locked=True).filter(id=sharing_id, finished_at=None)
    sharing = found.first()
    if sharing is None:
        return False
    customers = _next(sharing)
    if customers:
        shared = shares.share_with_each(
            actor=sharing.asked_by,
            partner_id=sharing.tenant_id,
            integration_id=sharing.integration_id,
            customers=[customer for customer, _ in customers],
        )
        sharing.shared += shared
        sharing.after_id, sharing.after_created_at = customers[-1]
    if len(customers) < BATCH:
        sharing.finished_at = timezone.now()
        sharing.after_id = sharing.after_created_at = None  # nothing of a customer that may be deleted some day
    sharing.save(update_fields=["shared", "after_id", "after_created_at", "finished_at"])
    return sharing.finished_at is None


def put_off(*, partner_id: UUID, sharing_id: str) -> None:
    """Look at it again in a minute: a step of it failed."""
    Sharing.objects.filter(tenant_id=partner_id, id=sharing_id, finished_at=None).update(due_at=Now() + _REST)


def _next(sharing: Sharing) -> list[tuple[UUID, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            _NEXT,
            {
                "partner_id": sharing.tenant_id,
                "integration_id": sharing.integration_id,
                "after_created_at": sharing.after_created_at,
                "after_id": sharing.after_id,
                "limit": BATCH,
            },
        )
        found: list[tuple[UUID, Any]] = cursor.fetchall()
    return found


_WITHOUT = """
    FROM tenants_tenant t
    WHERE t.parent_id = %(partner_id)s AND t.plan_status <> 'deleting' AND NOT EXISTS (
        SELECT FROM integrations_integrationshare s
        WHERE s.tenant_id = t.id AND s.integration_id = %(integration_id)s AND s.ended_at IS NULL
    )
"""

_COUNT = f"SELECT count(*) {_WITHOUT}"  # a constant

_NEXT = f"""
    SELECT t.id, t.created_at {_WITHOUT}
      AND (%(after_id)s::uuid IS NULL OR (t.created_at, t.id) > (%(after_created_at)s, %(after_id)s))
    ORDER BY t.created_at, t.id LIMIT %(limit)s
"""  # a constant
