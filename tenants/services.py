"""Changes to tenants and keys. Each is one transaction and one audit entry; the caller's context must allow it."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from tenants import audit, keys
from tenants.models import ApiKey, PlanStatus, PlanTier, Scope, Tenant, TenantRole

FULL_ACCESS = (Scope.FULL,)
PARTNER_ACCESS = (Scope.FULL, Scope.PARTNER)


@dataclass(frozen=True, kw_only=True)
class IssuedKey:
    """A key at the only moment its text is known."""

    record: ApiKey
    text: str = field(repr=False)


@transaction.atomic
def create_partner(
    *, actor: str, name: str, slug: str, plan_tier: PlanTier = PlanTier.STARTER
) -> tuple[Tenant, IssuedKey]:
    """A partner tenant and its first key, which holds the `partner` permission.

    Raises:
        ValidationError: a field is not valid, or a root tenant with this slug exists.
    """
    partner = Tenant(name=name, slug=slug, tenant_role=TenantRole.PARTNER, plan_tier=plan_tier)
    partner.full_clean()
    try:
        with transaction.atomic():
            partner.save(force_insert=True)
    except IntegrityError as error:  # another one came in between
        raise ValidationError({"slug": "This slug is taken."}) from error
    audit.record(actor=actor, action="partner.created", tenant_id=partner.id, slug=slug)
    return partner, issue_key(actor=actor, tenant_id=partner.id, scopes=PARTNER_ACCESS, label="First key")


@transaction.atomic(savepoint=False)  # on provisioning's path
def issue_key(
    *,
    actor: str,
    tenant_id: UUID,
    scopes: Collection[Scope],
    label: str = "",
    mode: keys.Mode = "live",
    expires_at: datetime | None = None,
) -> IssuedKey:
    """A new key of the tenant. Its text is in the answer and nowhere else."""
    text = keys.generate(mode)
    record = ApiKey(
        tenant_id=tenant_id,
        digest=keys.digest(text),
        prefix=keys.prefix(text),
        label=label,
        scopes=sorted(set(scopes)),
        expires_at=expires_at,
    )
    record.save(force_insert=True)
    audit.record(
        actor=actor,
        action="api_key.issued",
        tenant_id=tenant_id,
        prefix=record.prefix,
        scopes=record.scopes,
        label=label,
    )
    return IssuedKey(record=record, text=text)


@transaction.atomic
def revoke_key(*, actor: str, key_id: UUID) -> ApiKey:
    """Revoke a key for good. Revoking it again changes nothing. Raises ApiKey.DoesNotExist."""
    key = ApiKey.objects.select_for_update().get(id=key_id)
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        audit.record(actor=actor, action="api_key.revoked", tenant_id=key.tenant_id, prefix=key.prefix)
    return key


@transaction.atomic
def set_plan_status(*, actor: str, tenant_id: UUID, plan_status: PlanStatus) -> Tenant:
    """Suspend a tenant or make it active again. Raises Tenant.DoesNotExist."""
    tenant = Tenant.objects.select_for_update().get(id=tenant_id)
    if tenant.plan_status != plan_status:
        change = {"from": tenant.plan_status, "to": plan_status}
        tenant.plan_status = plan_status
        tenant.save(update_fields=["plan_status"])
        audit.record(actor=actor, action="tenant.plan_status_changed", tenant_id=tenant.id, **change)
    return tenant


@transaction.atomic
def update_tenant(*, actor: str, tenant: Tenant, changes: dict[str, Any]) -> Tenant:
    """Change fields of a tenant, as staff do. `changes` maps field names to new values.

    Raises:
        ValidationError: a value is not valid, or a constraint would break.
    """
    before = {name: getattr(tenant, name) for name in changes}
    for name, value in changes.items():
        setattr(tenant, name, value)
    tenant.full_clean()
    tenant.save(update_fields=list(changes))
    detail = {name: {"from": before[name], "to": value} for name, value in changes.items()}
    audit.record(actor=actor, action="tenant.changed", tenant_id=tenant.id, changes=detail)
    return tenant


def find_tenant(reference: str) -> Tenant:
    """The tenant with this uuid, or the one with this slug if it is the only one.

    Raises:
        ValidationError: there is none, or the slug stands under several partners.
    """
    try:
        matches = list(Tenant.objects.filter(id=UUID(reference)))
    except ValueError:
        matches = list(Tenant.objects.filter(slug=reference)[:2])
    if len(matches) != 1:
        found = "no tenant" if not matches else "more than one tenant (use the uuid)"
        raise ValidationError(f"There is {found} with slug or uuid {reference!r}.")
    return matches[0]
