"""Sharing integrations with customers, and taking them back. Every function runs in the partner's tenant context."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from integrations.models import RevisionTemplate
from retivo.api.errors import Problem, not_found
from tenants import outbox

# What becomes of queued actions when a share ends; otherwise they are sent.
CANCEL = "cancel"


def share(*, actor: str, partner_id: UUID, integration_id: UUID, customer_id: UUID) -> int:
    """Give the partner's customer an integration; how many of its action types then stand in the customer's tenant.

    Raises:
        Problem: 404 if the integration is not the partner's, 409 `integration_inactive` if it is switched off, 409
            `integration_deprecated`, 409 `endpoint_not_certified` if it asks for certified endpoints and has others.
    """
    parameters = {"partner_id": partner_id, "customer_id": customer_id, "integration_id": integration_id}
    with connection.cursor() as cursor:
        cursor.execute(_FIND, parameters)
        row = cursor.fetchone()
        if row is None:
            raise not_found()
        active, deprecated_at, is_shared, is_certified = row
        if not is_shared:
            check_sharable(active=active, deprecated_at=deprecated_at, is_certified=is_certified)
            share_with_each(actor=actor, partner_id=partner_id, integration_id=integration_id, customers=[customer_id])
        elif not active:
            check_sharable(active=active)
        cursor.execute(_COUNT_ACTION_TYPES, parameters)
        count: int = cursor.fetchone()[0]
    return count


def check_sharable(*, active: bool, deprecated_at: datetime | None = None, is_certified: bool = True) -> None:
    """Raises Problem 409 `integration_inactive`, `integration_deprecated` or `endpoint_not_certified`."""
    if not active:
        raise Problem(409, "integration_inactive", "This integration is not active.")
    if deprecated_at is not None:
        raise Problem(409, "integration_deprecated", "This integration is deprecated and cannot be shared any more.")
    if not is_certified:
        raise not_certified()


def not_certified() -> Problem:
    return Problem(409, "endpoint_not_certified", "This integration has endpoints that are not certified.")


def uncertified(*, integration_id: UUID, templates: Sequence[RevisionTemplate]) -> list[str]:
    """Which of these action types of an integration that asks for certified endpoints are sent to others; by name."""
    asked: dict[str, Any] = {
        "integration_id": integration_id,
        "revisions": [template.revision for template in templates],
        "names": [template.name for template in templates],
    }
    with connection.cursor() as cursor:
        cursor.execute(_UNCERTIFIED, asked)
        return [name for (name,) in cursor.fetchall()]


def is_certified(integration_id: UUID) -> bool:
    """Whether all endpoints of the revision that new customers get are certified, or need not be."""
    with connection.cursor() as cursor:
        cursor.execute(_CERTIFIED, {"integration_id": integration_id})
        certified: bool = cursor.fetchone()[0]
    return certified


def share_with_each(*, actor: str, partner_id: UUID, integration_id: UUID, customers: Sequence[UUID]) -> int:
    """Give customers of the partner an integration, if it may be shared; how many had it not. Each is an event."""
    with connection.cursor() as cursor:
        cursor.execute(
            _SHARE, {"partner_id": partner_id, "customers": list(customers), "integration_id": integration_id}
        )
        shared = cursor.fetchall()
        if again := [customer for customer, *_, had_it in shared if had_it]:
            cursor.execute(_TAKE_UP, {"customers": again, "integration_id": integration_id})
    if shared:
        outbox.record_each(
            actor=actor,
            action="integration.shared",
            tenant_ids=[customer for customer, *_ in shared],
            target=outbox.Target("integration", integration_id),
            data={"integration_id": integration_id, "provider": shared[0][1], "revision": shared[0][2]},
        )
    return len(shared)


def share_all(*, partner_id: UUID, customer_id: UUID) -> int:
    """Give a new customer the partner's integrations that may be shared; how many those are."""
    with connection.cursor() as cursor:
        cursor.execute(_SHARE, {"partner_id": partner_id, "customers": [customer_id], "integration_id": None})
        return len(cursor.fetchall())


def unshare(*, actor: str, partner_id: UUID, integration_id: UUID, customer_id: UUID, actions: str) -> str:
    """Take an integration from a customer: nothing of it is decided any more. The provider.

    Args:
        actions: what becomes of those that are queued: with `finish` they are sent; with `cancel` none is any more,
            and the caller ends them.

    Raises:
        Problem: 404 if the customer has it not.
    """
    parameters: dict[str, Any] = {
        "partner_id": partner_id,
        "customer_id": customer_id,
        "integration_id": integration_id,
        "cancels": actions == CANCEL,
    }
    with connection.cursor() as cursor:
        cursor.execute(_UNSHARE, parameters)
        row = cursor.fetchone()
    if row is None:
        raise not_found()
    provider: str = row[0]
    outbox.record(
        actor=actor,
        action="integration.unshared",
        tenant_id=customer_id,
        target=outbox.Target("integration", integration_id),
        data={"integration_id": integration_id, "provider": provider, "actions": actions},
    )
    return provider


# Of `integrations_partnerintegration i`: whether all endpoints of its revision are certified, where it asks for that.
_IS_CERTIFIED = """(
    NOT i.require_certification OR NOT EXISTS (
        SELECT FROM integrations_revisiontemplate m
        WHERE m.integration_id = i.id AND m.revision = i.revision
          AND certified_at(i.tenant_id, md5(i.tenant_id::text || m.delivery_webhook)::uuid, i.id, m.revision) IS NULL
    )
)"""


_UNCERTIFIED = """
    SELECT DISTINCT m.name
    FROM unnest(%(revisions)s::int[], %(names)s::text[]) AS a (revision, name)
    JOIN integrations_partnerintegration i ON i.id = %(integration_id)s AND i.require_certification
    JOIN integrations_revisiontemplate m ON m.integration_id = i.id AND m.revision = a.revision AND m.name = a.name
    WHERE certified_at(i.tenant_id, md5(i.tenant_id::text || m.delivery_webhook)::uuid, i.id, m.revision) IS NULL
    ORDER BY m.name
"""


_CERTIFIED = f"SELECT {_IS_CERTIFIED} FROM integrations_partnerintegration i WHERE i.id = %(integration_id)s"


_FIND = f"""
    SELECT i.active, i.deprecated_at, EXISTS (
        SELECT FROM integrations_integrationshare s
        WHERE s.tenant_id = %(customer_id)s AND s.integration_id = i.id AND s.ended_at IS NULL
    ), {_IS_CERTIFIED}
    FROM integrations_partnerintegration i
    WHERE i.id = %(integration_id)s AND i.tenant_id = %(partner_id)s AND i.deleted_at IS NULL
"""


# Shares what is not shared, at the revision that all have, copies its action types, and returns the customers that had
# it not. What a customer has registered itself, by the same provider and name, stays. What it switched off does, too:
# action types of a share that ended are taken up again as they are.
#
# A roll-out that ends waits for the integrations' locks, so that no customer is left at the revision of before.
_SHARE = f"""
    WITH integration AS MATERIALIZED (
        SELECT i.id, i.tenant_id, i.provider, i.domain, i.revision, i.created_at
        FROM integrations_partnerintegration i
        WHERE i.tenant_id = %(partner_id)s AND i.active AND i.deprecated_at IS NULL AND i.deleted_at IS NULL
          AND {_IS_CERTIFIED}
          AND (%(integration_id)s::uuid IS NULL OR i.id = %(integration_id)s)
        ORDER BY i.id FOR SHARE OF i
    ), share AS (
        INSERT INTO integrations_integrationshare AS s (tenant_id, partner_id, integration_id, revision)
        SELECT c.id, i.tenant_id, i.id, i.revision
        FROM integration i CROSS JOIN unnest(%(customers)s::uuid[]) AS c (id)
        ORDER BY c.id, i.created_at
        ON CONFLICT (tenant_id, integration_id)
            DO UPDATE SET ended_at = NULL, revision = excluded.revision, created_at = clock_timestamp()
            WHERE s.ended_at IS NOT NULL
        RETURNING s.tenant_id, s.integration_id, s.xmax <> 0 AS had_it
    ), action_type AS (
        INSERT INTO integrations_actiontype
            (tenant_id, partner_id, integration_id, template_id, revision, provider, domain, name, description,
             parameters_schema, delivery_webhook, estimated_cost_usd, active)
        SELECT s.tenant_id, i.tenant_id, i.id, m.template_id, m.revision, i.provider, i.domain, m.name, m.description,
               m.parameters_schema, m.delivery_webhook, m.estimated_cost_usd, true
        FROM share s
        JOIN integration i ON i.id = s.integration_id
        JOIN integrations_revisiontemplate m ON m.integration_id = i.id AND m.revision = i.revision
        ORDER BY s.tenant_id, i.created_at, m.position
        ON CONFLICT (tenant_id, provider, name) DO NOTHING
    )
    SELECT s.tenant_id, i.provider, i.revision, s.had_it FROM share s JOIN integration i ON i.id = s.integration_id
"""


# What customers had before it was taken from them. A statement of its own: nobody who is new pays for it.
_TAKE_UP = """
    UPDATE integrations_actiontype a SET
        revision = m.revision, description = m.description, parameters_schema = m.parameters_schema,
        delivery_webhook = m.delivery_webhook, estimated_cost_usd = m.estimated_cost_usd
    FROM integrations_integrationshare s
    JOIN integrations_revisiontemplate m ON m.integration_id = s.integration_id AND m.revision = s.revision
    WHERE a.tenant_id = ANY(%(customers)s) AND a.integration_id = %(integration_id)s
      AND s.tenant_id = a.tenant_id AND s.integration_id = a.integration_id AND a.name = m.name
"""


_COUNT_ACTION_TYPES = """
    SELECT count(*) FROM integrations_actiontype
    WHERE tenant_id = %(customer_id)s AND partner_id = %(partner_id)s AND integration_id = %(integration_id)s
      AND revision IS NOT NULL
"""


_UNSHARE = """
    WITH share AS (
        UPDATE integrations_integrationshare s
        SET ended_at = now(), cancelled_at = CASE WHEN %(cancels)s THEN clock_timestamp() ELSE s.cancelled_at END
        WHERE s.tenant_id = %(customer_id)s AND s.integration_id = %(integration_id)s
          AND s.partner_id = %(partner_id)s AND s.ended_at IS NULL
        RETURNING s.tenant_id, s.integration_id
    ), withdrawn AS (
        UPDATE integrations_actiontype a SET revision = NULL FROM share s
        WHERE a.tenant_id = s.tenant_id AND a.integration_id = s.integration_id
    )
    SELECT i.provider FROM share s JOIN integrations_partnerintegration i ON i.id = s.integration_id
"""
