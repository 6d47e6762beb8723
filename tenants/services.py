"""Changes to tenants and keys. Each is one transaction and one audit entry; the caller's context must allow it."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from retivo.api.errors import FieldError, Problem, validation_failed
from retivo.api.merge_patch import merge_patch
from retivo.api.values import same
from tenants import config, customers, outbox
from tenants.api_keys import services as api_keys
from tenants.api_keys.parties import Holder, Issuer
from tenants.api_keys.queries import newest
from tenants.api_keys.services import IssuedKey
from tenants.controls import bounds
from tenants.controls import services as controls
from tenants.models import (
    CASCADE_DAYS,
    ApiKey,
    Control,
    KeyMode,
    Layer,
    PlanStatus,
    PlanTier,
    Scope,
    SuspensionMode,
    Tenant,
    TenantRole,
)
from tenants.outbox import Change

MAX_METADATA = 50  # pairs, as the database's function `is_metadata` has it

PARTNER_ACCESS = (Scope.FULL, Scope.PARTNER)


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
    outbox.record(actor=actor, action="partner.created", tenant_id=partner.id, slug=slug)
    return partner, issue_key(actor=actor, tenant_id=partner.id, scopes=PARTNER_ACCESS, label="First key")


def issue_key(
    *,
    actor: str,
    tenant_id: UUID,
    scopes: Collection[Scope],
    label: str = "",
    mode: KeyMode = KeyMode.LIVE,
    expires_at: datetime | None = None,
) -> IssuedKey:
    """A new key of the tenant, as staff issue it. Its text is in the answer and nowhere else.

    Raises:
        ValidationError: a test key, for there are no test tenants; a scope that the tenant's keys may not hold; the
            tenant has as many keys as it may have.
    """
    try:
        with transaction.atomic():
            return api_keys.issue(
                by=Issuer(actor=actor),
                of=Holder(tenant_id=tenant_id),
                scopes=scopes,
                label=label,
                mode=mode,
                expires_at=expires_at,
            )
    except Problem as problem:
        raise ValidationError(problem.detail) from problem


def rotate_key(*, actor: str, key: ApiKey, overlap: timedelta, expires_at: datetime | None = None) -> IssuedKey:
    """A key's successor, as staff rotate it.

    Raises:
        ValidationError: the key is revoked, has expired, or was rotated; 20 go on beside their successors.
    """
    try:
        with transaction.atomic():
            return api_keys.rotate(
                by=Issuer(actor=actor),
                of=Holder(tenant_id=key.tenant_id),
                key_id=key.id,
                overlap=overlap,
                expires_at=expires_at,
            )
    except Problem as problem:
        raise ValidationError(problem.detail) from problem


def revoke_key(*, actor: str, key_id: UUID) -> ApiKey:
    """Revoke a key for good, as staff do. Revoking it again changes nothing. Raises ApiKey.DoesNotExist."""
    tenant_id = ApiKey.objects.values_list("tenant_id", flat=True).get(id=key_id)
    return api_keys.revoke(by=Issuer(actor=actor), of=Holder(tenant_id=tenant_id), key_id=key_id)


def set_plan_status(
    *,
    actor: str,
    tenant_id: UUID,
    plan_status: PlanStatus,
    mode: SuspensionMode = SuspensionMode.FULL,
    reason: str = "",
    cascade_days: int = CASCADE_DAYS,
) -> Tenant:
    """Suspend a tenant as staff do, which its partner cannot lift, or lift what staff suspended.

    Args:
        reason: shown to the tenant and to its partner.
        cascade_days: after how many a partner's suspension in full refuses the keys of its customers, too.

    Raises:
        Tenant.DoesNotExist: there is none.
        Problem: 409 `customer_deleting` if it is being deleted.
    """
    suspension = {"mode": mode, "reason": reason, "cascade_days": cascade_days}
    suspends = plan_status == PlanStatus.SUSPENDED
    return say_as_staff(actor=actor, tenant_id=tenant_id, said={"suspension": suspension if suspends else None})


@transaction.atomic
def say_as_staff(*, actor: str, tenant_id: UUID, said: Mapping[str, Any]) -> Tenant:
    """Say something of a tenant in staff's layer: `said` is as in `tenants.controls.services.change`.

    Raises:
        Tenant.DoesNotExist: there is none.
        Problem: 409 `customer_deleting` if it is being deleted.
    """
    tenant = _changeable(tenant_id)
    changed = _say(tenant, Layer.STAFF, said)
    if changed:
        tenant.updated_at = timezone.now()
        tenant.save(update_fields=["updated_at"])
        _record_change(actor, tenant, changed, Layer.STAFF)
    return tenant


@transaction.atomic
def update_tenant(*, actor: str, tenant_id: UUID, changes: dict[str, Any]) -> Tenant:
    """Change fields of a tenant, as staff do. `changes` maps field names to new values.

    Raises:
        ValidationError: a value is not valid, or a constraint would break.
        Problem: 409 `customer_deleting` if it is being deleted.
    """
    tenant = _changeable(tenant_id)
    before = {name: getattr(tenant, name) for name in changes}
    for name, value in (changes | {"updated_at": timezone.now()}).items():
        setattr(tenant, name, value)
    tenant.full_clean()
    tenant.save(update_fields=[*changes, "updated_at"])
    changed = {name: {"from": before[name], "to": value} for name, value in changes.items() if value != before[name]}
    if changed:
        _record_change(actor, tenant, changed, Layer.STAFF)
    return tenant


def settings(*, tenant_id: UUID) -> tuple[Tenant, list[dict[str, Any]]]:
    """A tenant and its newest keys, oldest of them first."""
    return Tenant.objects.get(id=tenant_id), newest(tenant_id=tenant_id)


@transaction.atomic(savepoint=False)
def change_settings(
    *,
    actor: str,
    tenant_id: UUID,
    changes: Mapping[str, Any],
    said: Mapping[str, Any] | None = None,
    partner_id: UUID | None = None,
    replaces_metadata: bool = False,
) -> tuple[Tenant, list[str]]:
    """Change fields of the caller's own tenant, or of a customer of the caller's, which is `partner_id` then.

    `changes["config"]` and `changes["metadata"]` are JSON Merge Patches. They are applied under the row's lock, so that
    parallel changes of two keys both stand.

    Args:
        said: what the caller says in its layer, as in `tenants.controls.services.change`.
        replaces_metadata: `changes["metadata"]` takes the place of all that was there.

    Returns:
        The tenant, and the names of the fields that changed, of a config by its members.

    Raises:
        Tenant.DoesNotExist: the partner has no such customer.
        ExternalIdTakenError: the partner has another customer of this external id.
        Problem: 400 for a config that Retivo cannot act on; 403 for what is the partner's or staff's to change;
            409 `customer_deleting` if it is being deleted.
    """
    layer = Layer.SELF if partner_id is None else Layer.PARTNER
    tenant = _changeable(tenant_id, **({} if partner_id is None else {"parent_id": partner_id}))
    before = {name: getattr(tenant, name) for name in (*changes, "config", "config_by_partner")}
    wanted, said = dict(changes), dict(said or {})
    if "plan_status" in wanted:
        said |= _suspension(tenant, wanted.pop("plan_status"))
    changed = _say(tenant, layer, said)  # first: it may widen the bounds of the config
    if "config" in wanted:
        wanted |= _configured(tenant, wanted["config"], layer)
    if "metadata" in wanted and not replaces_metadata:
        wanted["metadata"] = _metadata(merge_patch(tenant.metadata, wanted["metadata"]))
    for name, value in wanted.items():
        setattr(tenant, name, value)
    changed |= {
        name: {"from": value, "to": getattr(tenant, name)}
        for name, value in before.items()
        if not same(value, getattr(tenant, name))
    }
    if changed:
        tenant.updated_at = timezone.now()
        _save(tenant, [*(name for name in wanted if name in changed), "updated_at"])
        _record_change(actor, tenant, changed, layer)
    return tenant, sorted(dict(_before(changed)))


def _changeable(tenant_id: UUID, **owned: UUID) -> Tenant:
    """The tenant, locked. NO KEY: events go on being counted, whose rows refer to this one."""
    tenant = Tenant.objects.select_for_update(no_key=True).get(id=tenant_id, **owned)
    if tenant.delete_at is not None:
        raise customers.deleting(tenant.id, tenant.delete_at)
    return tenant


def _save(tenant: Tenant, fields: Collection[str]) -> None:
    if "external_id" not in fields:
        tenant.save(update_fields=fields)
        return
    try:
        with transaction.atomic():
            tenant.save(update_fields=fields)
    except IntegrityError as error:
        assert tenant.parent_id is not None and tenant.external_id is not None  # noqa: S101, PT018  # for mypy
        holder = customers.taken_by(partner_id=tenant.parent_id, external_id=tenant.external_id)
        if holder is None:
            raise
        raise holder from error


def _metadata(merged: dict[str, str]) -> dict[str, str]:
    if len(merged) > MAX_METADATA:
        detail = f"Must have at most {MAX_METADATA} keys."
        raise validation_failed([FieldError(pointer="/metadata", code="too_many", detail=detail)])
    return merged


def _suspension(tenant: Tenant, plan_status: PlanStatus) -> dict[str, Any]:
    """What the partner says by a plan's status alone: a suspension stays in the mode that it is in."""
    if plan_status == PlanStatus.SUSPENDED:
        return {"suspension": {}}
    if tenant.suspended_by_staff:
        raise Problem(
            403, "suspended_by_staff", "This customer was suspended by Retivo's staff, who alone can lift it."
        )
    return {"suspension": None}


def _say(tenant: Tenant, layer: Layer, said: Mapping[str, Any]) -> dict[str, Change]:
    """What changed by it; the tenant, which is locked, is then as the database's triggers made it."""
    changed = controls.change(tenant_id=tenant.id, layer=layer, said=said) if said else {}
    if changed:
        before = {name: getattr(tenant, name) for name in ("plan_status", "config")}  # a bound may change the config
        tenant.refresh_from_db(fields=["config", *_COPIES])
        changed |= {
            name: {"from": value, "to": getattr(tenant, name)}
            for name, value in before.items()
            if not same(value, getattr(tenant, name))
        }
    return changed


_COPIES = ("plan_status", "suspended_by_staff", "kill_switch_active", "shadow_mode")


def _configured(tenant: Tenant, patch: Mapping[str, Any], layer: Layer) -> dict[str, Any]:
    """The config as the patch makes it, and what the partner set of it."""
    by_partner = layer is Layer.PARTNER
    after = config.patched(tenant.config, patch, by_partner=by_partner)
    if not by_partner and tenant.tenant_role == TenantRole.CUSTOMER:
        _refuse_what_the_partner_sets(tenant.config, after)
    if bounds.touched(tenant.config, after):
        bounds.check(Control.objects.filter(tenant_id=tenant.id), tenant.config, after, by=layer)
    if not by_partner:
        return {"config": after}
    return {"config": after, "config_by_partner": config.patched(tenant.config_by_partner, patch, by_partner=True)}


def _record_change(actor: str, tenant: Tenant, changed: Mapping[str, Change], layer: Layer) -> None:
    """A partner is told which fields of a customer changed, and what they were."""
    previous = dict(_before(changed))
    if "metadata" in changed:
        changed = {name: change for name, change in changed.items() if name != "metadata"} | _pairs(changed["metadata"])
    switches = changed.keys() & _SWITCHES if tenant.tenant_role == TenantRole.PARTNER and layer is Layer.SELF else ()
    for name in switches:  # one at a time: each has an operation of its own
        said = {"active": changed[name]["to"]["active"], "reason": changed[name]["to"]["reason"]}
        told = {**said, "only": None, "customers": None}
        before = {member: changed[name]["from"].get(member) for member in ("active", "reason")}
        outbox.record(
            actor=actor, action=f"partner.{name}", tenant_id=tenant.id, data=told, changes=changed, previous=before
        )
    if switches:
        return
    data: dict[str, Any] = {"changed": sorted(previous)}
    if tenant.tenant_role == TenantRole.STANDALONE:
        outbox.record(actor=actor, action="tenant.changed", tenant_id=tenant.id, changes=changed)
        return
    if tenant.tenant_role == TenantRole.PARTNER:
        outbox.record(
            actor=actor, action="partner.updated", tenant_id=tenant.id, data=data, changes=changed, previous=previous
        )
        return
    action = _action(tenant, changed, data["changed"])
    if action in ("customer.suspended", "customer.reactivated", "customer.controls_changed"):
        data["by"] = layer
    if action == "customer.suspended":
        data |= {name: changed["suspension"]["to"].get(name) for name in ("mode", "reason")}
    outbox.record(actor=actor, action=action, tenant_id=tenant.id, data=data, changes=changed, previous=previous)


def _pairs(metadata: Change) -> dict[str, Change]:
    """The pairs that changed, without their values: the customer reads the entry, and they are its partner's notes."""

    def shown(pairs: Mapping[str, str], key: str) -> str | None:
        return outbox.MASKED if key in pairs else None

    before, after = metadata["from"], metadata["to"]
    return {
        f"metadata.{key}": {"from": shown(before, key), "to": shown(after, key)}
        for key in before | after
        if before.get(key) != after.get(key)
    }


_SWITCHES = {"kill_switch", "shadow_mode"}


def _action(tenant: Tenant, changed: Mapping[str, Change], fields: Collection[str]) -> str:
    """The type of the event: what matters most of what changed of a customer."""
    if "suspension" in changed and changed["suspension"]["to"]:
        return "customer.suspended"
    if "plan_status" in changed:
        return "customer.reactivated"
    if changed.keys() & {"suspension", *_SWITCHES, *bounds.BOUND}:
        return "customer.controls_changed"
    if all(field.startswith("config.learning") for field in fields):
        return "learning.consent_changed"
    return "customer.updated"


def _before(changed: Mapping[str, Change]) -> Iterator[tuple[str, Any]]:
    """What changed, by name, and what it was before; of a config by its members: `config.overage`."""
    for name, change in sorted(changed.items(), reverse=True):  # the config itself has the last word
        if name in ("config", "config_by_partner"):
            before, after = change["from"], change["to"]
            members = (key for key in before.keys() | after if _differ(before, after, key))
            yield from ((f"config.{key}", before.get(key)) for key in members)
        else:
            yield name, change["from"]


def _refuse_what_the_partner_sets(before: dict[str, Any], after: dict[str, Any]) -> None:
    code, detail = "config_set_by_partner", "This is set by the partner that provisioned this tenant."
    touched = [key for key in config.SET_BY_PARTNER if _differ(before, after, key)]
    if touched:
        errors = [FieldError(pointer=f"/config/{key}", code=code, detail=detail) for key in touched]
        raise Problem(403, code, f"{errors[0]['pointer']}: {detail}", errors=errors)


def _differ(before: dict[str, Any], after: dict[str, Any], key: str) -> bool:
    """Whether a member is in one alone, or has another value. One that is null is there."""
    return (key in before) != (key in after) or not same(before.get(key), after.get(key))


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
