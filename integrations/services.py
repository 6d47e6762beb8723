"""Registering what a partner can do, and sharing it. Every function runs in the partner's tenant context."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, OuterRef, Prefetch, Subquery
from django.db.models.functions import Coalesce, Now

from integrations.models import ActionTypeTemplate, IntegrationShare, PartnerIntegration, Revision, RevisionTemplate
from retivo import encryption
from retivo.api.errors import Problem, not_found
from retivo.api.json import encode
from retivo.api.pagination import MAX_BYTES, Cursor, cut
from tenants import outbox

# What becomes of queued actions when a share ends; otherwise they are sent.
CANCEL = "cancel"


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
        "total": len(found)
        if is_whole
        else PartnerIntegration.objects.filter(tenant_id=partner_id, deleted_at=None).count(),
        "next_cursor": next_cursor,
    }


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
        raise Problem(409, "integration_deprecated", "This integration is deprecated: it is shared with nobody more.")
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


def change(*, actor: str, integration_id: UUID, changes: Mapping[str, Any]) -> PartnerIntegration:
    """Change its `display_name` or `require_certification`, or switch it off and on; what is shared stays.

    Raises:
        PartnerIntegration.DoesNotExist: there is none, or none any more.
    """
    integrations = PartnerIntegration.objects.select_for_update(no_key=True, of=("self",)).filter(deleted_at=None)
    integration = integrations.get(id=integration_id)
    before = {name: getattr(integration, name) for name in sorted(changes)}
    changed = [name for name, value in before.items() if value != changes[name]]
    if not changed:
        return integration
    for name in changed:
        setattr(integration, name, changes[name])
    integration.save(update_fields=changed)
    about: dict[str, Any] = {"integration_id": integration.id, "provider": integration.provider}
    action = "integration.updated"
    if changed == ["active"]:
        action = "integration.switched_on" if integration.active else "integration.switched_off"
    else:
        about["changed"] = changed
    _record(integration, action, actor, about, {name: {"from": before[name], "to": changes[name]} for name in changed})
    return integration


def deprecate(*, actor: str, integration: PartnerIntegration, sunset_at: datetime | None) -> None:
    """Share it with nobody more, and tell those who have it when it ends; None takes that back."""
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

_current = RevisionTemplate.objects.filter(revision=F("integration__revision")).order_by("position")


def _with_templates(partner_id: UUID) -> Any:
    return (
        PartnerIntegration.objects.filter(tenant_id=partner_id, deleted_at=None)
        # A look-up for each integration of the page; a join would read the shares of all of them first.
        .annotate(customers_shared=Coalesce(Subquery(_shares_of_one), 0), current_mappings=Subquery(_mappings_of_one))
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
