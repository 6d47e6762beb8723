"""Registering what a partner can do, and sharing it. Every function runs in the partner's tenant context."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, OuterRef, Prefetch, Subquery
from django.db.models.functions import Coalesce

from integrations.models import ActionTypeTemplate, IntegrationShare, PartnerIntegration
from retivo import encryption
from retivo.api.errors import Problem, not_found
from retivo.api.json import encode
from retivo.api.pagination import MAX_BYTES, Cursor, cut
from tenants import outbox


def register(
    *,
    actor: str,
    partner_id: UUID,
    provider: str,
    display_name: str,
    domain: str,
    action_type_templates: Sequence[dict[str, Any]],
    event_mappings: Sequence[dict[str, Any]],
) -> tuple[PartnerIntegration, str]:
    """An integration with its action types, and the secret that will sign what is sent to it: 64 hex characters.

    Raises:
        Problem: 409 `provider_taken` if the partner has an integration of this provider.
    """
    webhook_secret = secrets.token_hex(32)
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT_INTEGRATION,
            {
                "partner_id": partner_id,
                "provider": provider,
                "display_name": display_name,
                "domain": domain,
                "event_mappings": encode(event_mappings).decode(),
                "encrypted_webhook_secret": encryption.encrypt(webhook_secret.encode()),
            },
        )
        row = cursor.fetchone()
        if row is None:
            raise Problem(409, "provider_taken", f"You have an integration with the provider `{provider}` already.")
        (integration_id,) = row
    ActionTypeTemplate.objects.bulk_create(
        ActionTypeTemplate(tenant_id=partner_id, integration_id=integration_id, position=position, **template)
        for position, template in enumerate(action_type_templates)
    )
    outbox.record(
        actor=actor,
        action="integration.registered",
        tenant_id=partner_id,
        target=outbox.Target("integration", integration_id),
        data={
            "integration_id": integration_id,
            "provider": provider,
            "action_types": [template["name"] for template in action_type_templates],
        },
    )
    return _with_templates(partner_id).get(id=integration_id), webhook_secret


def list_integrations(*, partner_id: UUID, limit: int | None = None, after: Cursor | None = None) -> dict[str, Any]:
    """A page of the partner's integrations with their templates and `customers_shared`, in the order of registration.

    A page ends at `limit`, or earlier at `MAX_BYTES`. `total` counts those on all pages.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _FITTING,
            {
                "partner_id": partner_id,
                "limit": limit,
                "max_bytes": MAX_BYTES,
                "after_created_at": after.created_at if after else "-infinity",
                "after_id": after.id if after else UUID(int=0),
            },
        )
        keys = cursor.fetchall()
    fitting = [id for id, fits in keys if fits]
    found, next_cursor = cut(
        _with_templates(partner_id).filter(id__in=fitting),
        None,
        lambda integration: (integration.created_at, integration.id),
        found=len(keys),
    )
    is_whole = after is None and next_cursor is None
    return {
        "integrations": found,
        "total": len(found) if is_whole else PartnerIntegration.objects.filter(tenant_id=partner_id).count(),
        "next_cursor": next_cursor,
    }


def share(*, actor: str, partner_id: UUID, integration_id: UUID, customer_id: UUID) -> int:
    """Give the partner's customer an integration; how many of its action types then stand in the customer's tenant.

    Raises:
        Problem: 404 if the integration is not the partner's, 409 `integration_inactive` if it is switched off.
    """
    parameters = {"partner_id": partner_id, "customer_id": customer_id, "integration_id": integration_id}
    with connection.cursor() as cursor:
        cursor.execute(_FIND, parameters)
        row = cursor.fetchone()
        if row is None:
            raise not_found()
        active, provider = row
        if not active:
            raise Problem(409, "integration_inactive", "This integration is not active.")
        cursor.execute(_SHARE, parameters)
        if cursor.fetchone()[0]:
            outbox.record(
                actor=actor,
                action="integration.shared",
                tenant_id=customer_id,
                target=outbox.Target("integration", integration_id),
                data={"integration_id": integration_id, "provider": provider},
            )
        cursor.execute(_COUNT_ACTION_TYPES, parameters)
        count: int = cursor.fetchone()[0]
    return count


def share_all(*, partner_id: UUID, customer_id: UUID) -> int:
    """Give a new customer all active integrations of the partner; how many there are."""
    with connection.cursor() as cursor:
        cursor.execute(_SHARE, {"partner_id": partner_id, "customer_id": customer_id, "integration_id": None})
        shared: int = cursor.fetchone()[0]
    return shared


def rotate_secret(
    *, actor: str, partner_id: UUID, integration_id: UUID, now: datetime, overlap: timedelta
) -> tuple[str, datetime]:
    """A new webhook secret, and until when the one before it signs too.

    Raises:
        Problem: 404 if the integration is not the partner's.
    """
    webhook_secret = secrets.token_hex(32)
    until = now + overlap
    with connection.cursor() as cursor:
        cursor.execute(
            _ROTATE,
            {
                "partner_id": partner_id,
                "integration_id": integration_id,
                "secret": encryption.encrypt(webhook_secret.encode()),
                "until": until,
            },
        )
        row = cursor.fetchone()
    if row is None:
        raise not_found()
    outbox.record(
        actor=actor,
        action="integration.secret_rotated",
        tenant_id=partner_id,
        target=outbox.Target("integration", integration_id),
        data={"integration_id": integration_id, "provider": row[0]},
    )
    return webhook_secret, until


@transaction.atomic
def set_active(*, actor: str, integration_id: UUID, active: bool) -> PartnerIntegration:
    """Switch an integration off or on, as staff do; what is shared stays. Raises PartnerIntegration.DoesNotExist."""
    integration = PartnerIntegration.objects.select_for_update().get(id=integration_id)
    if integration.active != active:
        integration.active = active
        integration.save(update_fields=["active"])
        outbox.record(
            actor=actor,
            action="integration.switched_on" if active else "integration.switched_off",
            tenant_id=integration.tenant_id,
            target=outbox.Target("integration", integration.id),
            data={"integration_id": integration.id, "provider": integration.provider},
        )
    return integration


_shares_of_one = (
    IntegrationShare.objects.filter(integration=OuterRef("pk")).order_by().values("integration").annotate(n=Count("*"))
).values("n")


def _with_templates(partner_id: UUID) -> Any:
    return (
        PartnerIntegration.objects.filter(tenant_id=partner_id)
        # A look-up for each integration of the page; a join would read the shares of all of them first.
        .annotate(customers_shared=Coalesce(Subquery(_shares_of_one), 0))
        .prefetch_related(Prefetch("templates", ActionTypeTemplate.objects.filter(tenant_id=partner_id)))
        .order_by("created_at", "id")
    )


# The integrations of a page, and the one behind it if there is one. Read one by one, each with its templates: what is
# beyond the page is not read at all.
_FITTING = """
    WITH RECURSIVE read AS (
        SELECT %(after_created_at)s::timestamptz AS created_at, %(after_id)s::uuid AS id,
            0 AS position, 0::bigint AS bytes, true AS fits
        UNION ALL
        SELECT i.created_at, i.id, read.position + 1, read.bytes + i.bytes,
            read.bytes < %(max_bytes)s AND (read.position < %(limit)s::int) IS NOT FALSE
        FROM read CROSS JOIN LATERAL (
            SELECT i.created_at, i.id, octet_length(i::text) + coalesce((
                SELECT sum(octet_length(m::text)) FROM integrations_actiontypetemplate m WHERE m.integration_id = i.id
            ), 0)::bigint AS bytes
            FROM integrations_partnerintegration i
            WHERE i.tenant_id = %(partner_id)s AND (i.created_at, i.id) > (read.created_at, read.id)
            ORDER BY i.created_at, i.id LIMIT 1
        ) i
        WHERE read.fits
    )
    SELECT id, fits FROM read WHERE position > 0 ORDER BY position
"""

_INSERT_INTEGRATION = """
    INSERT INTO integrations_partnerintegration
        (id, tenant_id, provider, display_name, domain, event_mappings, encrypted_webhook_secret, active)
    VALUES (gen_random_uuid(), %(partner_id)s, %(provider)s, %(display_name)s, %(domain)s, %(event_mappings)s::jsonb,
            %(encrypted_webhook_secret)s, true)
    ON CONFLICT (tenant_id, provider) DO NOTHING
    RETURNING id
"""

_ROTATE = """
    UPDATE integrations_partnerintegration
       SET encrypted_previous_secret = encrypted_webhook_secret, previous_secret_until = %(until)s,
           encrypted_webhook_secret = %(secret)s
     WHERE id = %(integration_id)s AND tenant_id = %(partner_id)s
    RETURNING provider
"""

_FIND = """
    SELECT active, provider FROM integrations_partnerintegration
    WHERE id = %(integration_id)s AND tenant_id = %(partner_id)s
"""

# Shares what is not shared yet, copies its action types, and tells how many integrations that were. What a customer has
# registered itself, by the same provider and name, stays. What it switched off does: nothing is copied a second time.
_SHARE = """
    WITH share AS (
        INSERT INTO integrations_integrationshare (tenant_id, partner_id, integration_id)
        SELECT %(customer_id)s, i.tenant_id, i.id
        FROM integrations_partnerintegration i
        WHERE i.tenant_id = %(partner_id)s AND i.active
          AND (%(integration_id)s::uuid IS NULL OR i.id = %(integration_id)s)
        ORDER BY i.created_at
        ON CONFLICT (tenant_id, integration_id) DO NOTHING
        RETURNING tenant_id, partner_id, integration_id
    ), action_type AS (
        INSERT INTO integrations_actiontype
            (tenant_id, partner_id, integration_id, template_id, provider, domain, name, description,
             parameters_schema, delivery_webhook, estimated_cost_usd, active)
        SELECT s.tenant_id, s.partner_id, s.integration_id, m.id, i.provider, i.domain, m.name, m.description,
               m.parameters_schema, m.delivery_webhook, m.estimated_cost_usd, true
        FROM share s
        JOIN integrations_partnerintegration i ON i.id = s.integration_id AND i.tenant_id = %(partner_id)s
        JOIN integrations_actiontypetemplate m ON m.integration_id = i.id AND m.tenant_id = %(partner_id)s
        ORDER BY i.created_at, m.position
        ON CONFLICT (tenant_id, provider, name) DO NOTHING
    )
    SELECT count(*) FROM share
"""

_COUNT_ACTION_TYPES = """
    SELECT count(*) FROM integrations_actiontype
    WHERE tenant_id = %(customer_id)s AND partner_id = %(partner_id)s AND integration_id = %(integration_id)s
"""
