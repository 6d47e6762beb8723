"""Registering what a partner can do, and changing it. Every function runs in the partner's tenant context."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, OuterRef, Prefetch, Subquery
from django.db.models.functions import Coalesce, Now

from integrations import holding, kinds
from integrations.models import ActionTypeTemplate, IntegrationShare, PartnerIntegration, Revision, RevisionTemplate
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
    require_certification: bool = False,
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
                "require_certification": require_certification,
            },
        )
        row = cursor.fetchone()
        if row is None:
            raise Problem(409, "provider_taken", f"You have an integration with the provider `{provider}` already.")
        (integration_id,) = row
    ActionTypeTemplate.objects.bulk_create(
        ActionTypeTemplate(
            tenant_id=partner_id,
            integration_id=integration_id,
            position=position,
            **{**template, **kinds.found(template, domain=domain)},
        )
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
        "total": len(found)
        if is_whole
        else PartnerIntegration.objects.filter(tenant_id=partner_id, deleted_at=None).count(),
        "next_cursor": next_cursor,
    }


def change(*, actor: str, integration_id: UUID, changes: Mapping[str, Any]) -> PartnerIntegration:
    """Change its `display_name`, `require_certification` or `kinds`, or switch it off and on; what is shared stays.

    Args:
        changes: `kinds` has those of action types that are declared, by name.

    Raises:
        PartnerIntegration.DoesNotExist: there is none, or none any more.
        Problem: 404 if it has never had an action type whose kind is declared.
    """
    integrations = PartnerIntegration.objects.select_for_update(no_key=True, of=("self",)).filter(deleted_at=None)
    integration = integrations.get(id=integration_id)
    own = sorted(changes.keys() - {"kinds"})
    differing = {name: getattr(integration, name) for name in own if getattr(integration, name) != changes[name]}
    changed: dict[str, outbox.Change] = {
        name: {"from": before, "to": changes[name]} for name, before in differing.items()
    } | kinds.declare(integration, changes.get("kinds", {}))
    if not changed:
        return integration
    for name in differing:
        setattr(integration, name, changes[name])
    integration.save(update_fields=[*differing])
    about: dict[str, Any] = {"integration_id": integration.id, "provider": integration.provider}
    action = "integration.updated"
    if changed.keys() == {"active"}:
        action = "integration.switched_on" if integration.active else "integration.switched_off"
    else:
        about["changed"] = [*changed]
    _record(integration, action, actor, about, changed)
    return integration


def deprecate(*, actor: str, integration: PartnerIntegration, sunset_at: datetime | None) -> None:
    """Let it be shared no more, and tell those who have it when it ends; None takes that back."""
    if sunset_at == integration.sunset_at:
        return
    changes = {"sunset_at": {"from": integration.sunset_at, "to": sunset_at}}
    if sunset_at is None:
        integration.deprecated_at = None
    elif integration.deprecated_at is None:
        integration.deprecated_at = Now()
    integration.sunset_at = sunset_at
    integration.save(update_fields=["deprecated_at", "sunset_at"])
    integration.refresh_from_db(fields=["deprecated_at", "sunset_at"])
    about = {"integration_id": integration.id, "provider": integration.provider, "sunset_at": sunset_at}
    _record(integration, "integration.deprecated", actor, about, changes)


def delete(*, actor: str, integration: PartnerIntegration) -> None:
    """Take a locked integration away that nobody has. Its rows stay for the actions of before.

    Raises:
        Problem: 409 `integration_shared`; 409 `rollout_in_progress`.
    """
    shares = IntegrationShare.objects.filter(integration_id=integration.id, ended_at=None).count()
    if shares:
        detail = f"{shares:,} customers have this integration: unshare it first."
        raise Problem(409, "integration_shared", detail, extra={"customers_shared": shares})
    if integration.rollouts.filter(finished_at=None).exists() or integration.sharings.filter(finished_at=None).exists():
        raise Problem(409, "rollout_in_progress", "A roll-out or a sharing of this integration is under way.")
    about = {"integration_id": integration.id, "provider": integration.provider}
    integration.provider = f"deleted-{integration.id}"
    integration.deleted_at = Now()
    integration.save(update_fields=["provider", "deleted_at"])
    _record(integration, "integration.deleted", actor, about)


def _record(
    integration: PartnerIntegration,
    action: str,
    actor: str,
    data: Mapping[str, Any],
    changes: Mapping[str, outbox.Change] | None = None,
) -> None:
    outbox.record(
        actor=actor,
        action=action,
        tenant_id=integration.tenant_id,
        target=outbox.Target("integration", integration.id),
        data=data,
        changes=changes,
    )


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


def get(*, partner_id: UUID, integration_id: UUID) -> PartnerIntegration:
    """The integration as a list has it. Raises Problem 404."""
    found: PartnerIntegration | None = _with_templates(partner_id).filter(id=integration_id).first()
    if found is None:
        raise not_found()
    return found


_shares_of_one = (
    IntegrationShare.objects.filter(integration=OuterRef("pk"), ended_at=None)
    .order_by()
    .values("integration")
    .annotate(n=Count("*"))
).values("n")


_mappings_of_one = Revision.objects.filter(integration=OuterRef("pk"), number=OuterRef("revision")).values(
    "event_mappings"
)


_current = kinds.with_kinds(RevisionTemplate.objects.filter(revision=F("integration__revision")).order_by("position"))


def _with_templates(partner_id: UUID) -> Any:
    return (
        PartnerIntegration.objects.filter(tenant_id=partner_id, deleted_at=None)
        # A look-up for each integration of the page; a join would read the shares of all of them first.
        .annotate(
            customers_shared=Coalesce(Subquery(_shares_of_one), 0),
            current_mappings=Subquery(_mappings_of_one),
            held_names=holding.NAMES_OF_ITS_OWN,
        )
        .prefetch_related(Prefetch("revision_templates", _current.filter(tenant_id=partner_id), to_attr="current"))
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
                SELECT sum(octet_length(m::text)) FROM integrations_revisiontemplate m
                WHERE m.integration_id = i.id AND m.revision = i.revision
            ), 0)::bigint AS bytes
            FROM integrations_partnerintegration i
            WHERE i.tenant_id = %(partner_id)s AND i.deleted_at IS NULL
              AND (i.created_at, i.id) > (read.created_at, read.id)
            ORDER BY i.created_at, i.id LIMIT 1
        ) i
        WHERE read.fits
    )
    SELECT id, fits FROM read WHERE position > 0 ORDER BY position
"""


_INSERT_INTEGRATION = """
    INSERT INTO integrations_partnerintegration
        (id, tenant_id, provider, display_name, domain, event_mappings, encrypted_webhook_secret, active,
         require_certification)
    VALUES (gen_random_uuid(), %(partner_id)s, %(provider)s, %(display_name)s, %(domain)s, %(event_mappings)s::jsonb,
            %(encrypted_webhook_secret)s, true, %(require_certification)s)
    ON CONFLICT (tenant_id, provider) DO NOTHING
    RETURNING id
"""


_ROTATE = """
    UPDATE integrations_partnerintegration
       SET encrypted_previous_secret = encrypted_webhook_secret, previous_secret_until = %(until)s,
           encrypted_webhook_secret = %(secret)s
     WHERE id = %(integration_id)s AND tenant_id = %(partner_id)s AND deleted_at IS NULL
    RETURNING provider
"""
