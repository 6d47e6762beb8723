"""Keys, changed: by the tenant's own keys, by its partner's, and by staff. Each change is one transaction.

Who changes a tenant's keys locks those that it changes, and then the tenant's row: two changes at once come one after
the other, and each sees what the other left.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Greatest, Now

from retivo.api.errors import Problem, not_found
from tenants import outbox
from tenants.access import keys
from tenants.access.authentication import Caller
from tenants.api_keys import bounds
from tenants.models import ApiKey, KeyMode, Scope, Tenant, TenantRole

MAX_ACTIVE = 20  # keys of a tenant
MAX_EXPIRING = 20  # that go on beside their successors
FULL_ACCESS = (Scope.FULL,)


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Whose keys they are: a tenant's own, or those of a customer of `partner_id`."""

    tenant_id: UUID
    partner_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """Who changes keys. `scopes` are what it may grant; staff, who have no key, grant all."""

    actor: str
    key_id: UUID | None = None
    scopes: frozenset[Scope] = frozenset(Scope)

    @classmethod
    def of(cls, caller: Caller) -> "Issuer":
        return cls(actor=caller.actor, key_id=caller.key_id, scopes=caller.scopes)

    @property
    def is_staff(self) -> bool:
        return self.key_id is None


@dataclass(frozen=True, kw_only=True)
class IssuedKey:
    """A key at the only moment its text is known."""

    record: ApiKey
    text: str = field(repr=False)


def about(key: ApiKey) -> dict[str, Any]:
    """A key as events and audit entries name it."""
    return {"key_id": key.id, "prefix": key.prefix}


@transaction.atomic(savepoint=False)
def issue(
    *,
    by: Issuer,
    of: Holder,
    scopes: Collection[Scope],
    label: str = "",
    mode: KeyMode = KeyMode.LIVE,
    expires_at: datetime | None = None,
    allowed_cidrs: Sequence[str] | None = None,
) -> IssuedKey:
    """A new key. Its text is in the answer and nowhere else.

    Raises:
        Problem: 404 if the partner has no such customer; 403 `scope_not_grantable`, `expiry_not_grantable`,
            `networks_not_grantable`, `api_key_limit_reached`.
        ValidationError: a test key, for there are no test tenants.
    """
    if mode == KeyMode.TEST:
        raise ValidationError("A test key belongs to a test tenant, and there are none yet. Issue a live key.")
    tenant = _locked(of, by)
    _refuse_scopes(by, tenant, scopes)
    bounds.refuse_wider(by.key_id, expires_at, allowed_cidrs)
    _refuse_above_limit(tenant)
    key = _new_key(
        tenant_id=tenant.id, by=by, scopes=scopes, label=label, expires_at=expires_at, allowed_cidrs=allowed_cidrs
    )
    data = {**about(key.record), "scopes": key.record.scopes, "label": label}
    _insert(key, by=by, action="api_key.issued", data=data)
    return key


def issue_first(*, actor: str, tenant_id: UUID) -> IssuedKey:
    """A new customer's key, with full access. That there is one is part of what the caller records."""
    key = _new_key(tenant_id=tenant_id, by=Issuer(actor=actor), scopes=FULL_ACCESS, label="Provisioned")
    _execute(_INSERT, _row(key))
    return key


@transaction.atomic(savepoint=False)
def relabel(*, of: Holder, by: Issuer, key_id: UUID, label: str) -> None:
    """Give a key another label. Raises Problem 404."""
    key = _key(of, key_id)
    _locked(of, by)
    if key.label != label:
        ApiKey.objects.filter(id=key.id).update(label=label)
        changes = {"label": {"from": key.label, "to": label}}
        _record(by, key, "api_key.updated", {**about(key), "changed": [*changes]}, changes)


@transaction.atomic(savepoint=False)
def rotate(
    *, of: Holder, by: Issuer, key_id: UUID, overlap: timedelta, expires_at: datetime | None = None
) -> IssuedKey:
    """A successor with the scopes, label and networks of the key, which goes on for `overlap` at most.

    Args:
        overlap: none ends the key at once.
        expires_at: of the successor; never where None.

    Raises:
        Problem: 404; 403 `scope_not_grantable`, `expiry_not_grantable`, `networks_not_grantable`,
            `api_key_limit_reached`; 409 `key_revoked`, `key_expired`, `already_rotated`, `last_partner_key`.
    """
    key = _key(of, key_id)
    tenant = _locked(of, by)
    _refuse_unless_active(key)
    _refuse_scopes(by, tenant, [Scope(scope) for scope in key.scopes])
    bounds.refuse_wider(by.key_id, expires_at, key.allowed_cidrs)
    if overlap:
        _refuse_above_limit_of_expiring(tenant)
    successor = _new_key(
        tenant_id=tenant.id,
        by=by,
        scopes=key.scopes,
        label=key.label,
        expires_at=expires_at,
        allowed_cidrs=key.allowed_cidrs,
        replaces_id=key.id,
    )
    ends_at = _one(
        "SELECT least(expires_at, clock_timestamp() + %s) FROM tenants_apikey WHERE id = %s", [overlap, key.id]
    )
    data = {**about(key), "replaced_by": about(successor.record), "expires_at": ends_at}
    previous = {"expires_at": key.expires_at}
    _insert(successor, by=by, action="api_key.rotated", data=data, previous=previous, target=key)
    ApiKey.objects.filter(id=key.id).update(expires_at=ends_at)  # afterwards, for it may be the issuer
    _refuse_lockout(by, tenant, [key])
    return successor


@transaction.atomic(savepoint=False)
def revoke(*, of: Holder, by: Issuer, key_id: UUID, confirmed: bool = False) -> ApiKey:
    """Revoke a key for good. Revoking it again changes nothing.

    Args:
        confirmed: that the caller means the key that it calls with.

    Raises:
        Problem: 404; 409 `calling_key`, `last_partner_key`.
    """
    key = _key(of, key_id)
    tenant = _locked(of, by)
    if key.revoked_at is None:
        _refuse_unless_meant(by, [key], confirmed)
        _revoke([key])
        _refuse_lockout(by, tenant, [key])
        key.refresh_from_db(fields=["revoked_at"])
        _record(by, key, "api_key.revoked", about(key))
    return key


@transaction.atomic(savepoint=False)
def revoke_all(*, of: Holder, by: Issuer, reissue: bool, confirmed: bool = False) -> tuple[int, IssuedKey | None]:
    """Revoke every key that is still let in; how many, and a new key with all of their scopes if that is asked for.

    Where no key was left, the new one has full access. It is let in from their networks, if all of them were bound to
    some, and otherwise from the issuer's; it expires with the issuer.

    Raises:
        Problem: 404; 403 `scope_not_grantable`, `networks_not_grantable`; 409 `calling_key`, `last_partner_key`.
    """
    found = list(_lockable(of).filter(_usable()))
    tenant = _locked(of, by)
    _refuse_unless_meant(by, found, confirmed)
    new = None
    if reissue:
        scopes = {Scope(scope) for key in found for scope in key.scopes} or {*FULL_ACCESS}
        scopes = {scope for scope in scopes if scope == scope.family or scope.family not in scopes}
        _refuse_scopes(by, tenant, scopes)
        expires_at, networks = bounds.of(by.key_id)
        if found and all(key.allowed_cidrs for key in found):
            networks = sorted({network for key in found for network in key.allowed_cidrs or ()})
        bounds.refuse_wider(by.key_id, expires_at, networks)
        new = _new_key(
            tenant_id=tenant.id,
            by=by,
            scopes=scopes,
            label="Reissued",
            expires_at=expires_at,
            allowed_cidrs=networks,
        )
    if not found and new is None:
        return 0, None
    data = {"revoked": [about(key) for key in found], "reissued": None if new is None else about(new.record)}
    if new is None:
        outbox.record(actor=by.actor, action="api_key.all_revoked", tenant_id=tenant.id, data=data)
    else:
        _insert(new, by=by, action="api_key.all_revoked", data=data, target=None)
    _revoke(found)
    _refuse_lockout(by, tenant, found)
    return len(found), new


# --- What may not be --------------------------------------------------------------------------------------------------


def _refuse_scopes(by: Issuer, tenant: Tenant, scopes: Collection[Scope]) -> None:
    for scope in sorted(scopes):
        if scope.family == Scope.PARTNER and tenant.tenant_role != TenantRole.PARTNER:
            detail = f"`{scope}` is a scope of the Partner API, which keys of a partner alone may hold."
        elif scope not in by.scopes:
            detail = f"A key grants what it may do itself, and this one may not do `{scope}`."
        else:
            continue
        raise Problem(403, "scope_not_grantable", detail, extra={"scope": scope})


def _refuse_above_limit(tenant: Tenant) -> None:
    active = ApiKey.objects.filter(_usable(), tenant_id=tenant.id).exclude(_replaced()).count()
    if active >= MAX_ACTIVE:
        raise _limit_reached(
            f"A tenant has at most {MAX_ACTIVE} active keys, whatever its plan. Revoke one first.", active, MAX_ACTIVE
        )


def _refuse_above_limit_of_expiring(tenant: Tenant) -> None:
    """Or a chain of rotations would make any number of keys that are let in."""
    expiring = ApiKey.objects.filter(_usable(), _replaced(), tenant_id=tenant.id).count()
    if expiring >= MAX_EXPIRING:
        raise _limit_reached(
            f"At most {MAX_EXPIRING} keys of a tenant go on beside their successors. Rotate with `overlap_hours` 0, "
            "or revoke one of those first.",
            expiring,
            MAX_EXPIRING,
        )


def _limit_reached(detail: str, current: int, limit: int) -> Problem:
    extra = {"current": current, "limit": limit, "upgrade_to": None}
    return Problem(403, "api_key_limit_reached", detail, extra=extra)


def _refuse_unless_active(key: ApiKey) -> None:
    if key.revoked_at is not None:
        raise Problem(409, "key_revoked", "This key is revoked: issue another one.")
    successor = _one("SELECT id FROM tenants_apikey WHERE replaces_id = %s", [key.id])
    if successor is not None:
        detail = "This key was rotated already: its successor can be."
        raise Problem(409, "already_rotated", detail, extra={"replaced_by": successor})
    if not ApiKey.objects.filter(_usable(), id=key.id).exists():
        raise Problem(409, "key_expired", "This key has expired: issue another one.")


def _refuse_unless_meant(by: Issuer, found: Collection[ApiKey], confirmed: bool) -> None:
    if not confirmed and any(key.id == by.key_id for key in found):
        detail = "This is the key that you are calling with: send `?confirm=self` if you mean it."
        raise Problem(409, "calling_key", detail)


def _refuse_lockout(by: Issuer, tenant: Tenant, ended: Collection[ApiKey]) -> None:
    """Refuse what has left a partner no key that manages keys: it would be locked out until staff issue another.

    Every change that ends keys asks this of what it has left, and what it has issued counts. Staff may do it, and so
    may whoever reports a leaked key, which does not come here.

    Args:
        ended: these keys, as they were before.
    """
    managing = [key for key in ended if not _MANAGING.isdisjoint(key.scopes)]
    if by.is_staff or tenant.tenant_role != TenantRole.PARTNER or not managing:
        return
    ends = [key.expires_at for key in managing if key.expires_at is not None]
    ended_at = max(ends) if len(ends) == len(managing) else None
    if not _one(_LEAVES_MANAGING, {"tenant_id": tenant.id, "managing": [*_MANAGING], "ended_at": ended_at}):
        detail = "This would leave no key that holds `partner:keys` and is valid for another day: issue one first."
        raise Problem(409, "last_partner_key", detail)


_MANAGING = frozenset({Scope.PARTNER, Scope.PARTNER_KEYS})

# A key that has a successor is not counted, as it is on its way out. Where nothing that ended was valid for another
# day, it is enough that what is left is valid as long.
_LEAVES_MANAGING = """
    SELECT coalesce(%(ended_at)s <= now(), false) OR EXISTS (
        SELECT FROM tenants_apikey k
        WHERE k.tenant_id = %(tenant_id)s AND k.scopes && %(managing)s AND k.revoked_at IS NULL
          AND (k.expires_at IS NULL OR k.expires_at >= least(%(ended_at)s, now() + interval '1 day'))
          AND NOT EXISTS (SELECT FROM tenants_apikey s WHERE s.replaces_id = k.id)
    )
"""


# --- Rows -------------------------------------------------------------------------------------------------------------


def _usable() -> Q:
    return Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=Now()))


def _replaced() -> Exists:
    return Exists(ApiKey.objects.filter(replaces=OuterRef("pk")))


def _lockable(of: Holder) -> QuerySet[ApiKey]:
    keys = ApiKey.objects.filter(tenant_id=of.tenant_id).defer("digest")
    return keys.select_for_update(no_key=True).order_by("id")


def _key(of: Holder, key_id: UUID) -> ApiKey:
    key = _lockable(of).filter(id=key_id).first()
    if key is None:
        raise not_found()
    return key


def _locked(of: Holder, by: Issuer) -> Tenant:
    owned = {} if of.partner_id is None else {"parent_id": of.partner_id}
    # NO KEY: events go on being counted, whose rows refer to this one.
    tenant = Tenant.objects.select_for_update(no_key=True).filter(id=of.tenant_id, **owned).first()
    if tenant is None:
        raise not_found()
    if not by.is_staff and _one(_HAS_ENDED, [by.key_id]):
        detail = "This API key was revoked or has expired since the request began; nothing was changed."
        raise Problem(401, "api_key_revoked", detail, headers={"WWW-Authenticate": "Bearer"})
    return tenant


def _new_key(
    *,
    tenant_id: UUID,
    by: Issuer,
    scopes: Collection[str],
    label: str,
    expires_at: datetime | None = None,
    allowed_cidrs: Sequence[str] | None = None,
    replaces_id: UUID | None = None,
) -> IssuedKey:
    text = keys.generate()
    record = ApiKey(
        tenant_id=tenant_id,
        digest=keys.digest(text),
        prefix=keys.prefix(text),
        label=label,
        scopes=sorted(set(scopes)),
        created_by=by.actor,
        expires_at=expires_at,
        allowed_cidrs=None if allowed_cidrs is None else list(allowed_cidrs),
        replaces_id=replaces_id,
    )
    return IssuedKey(record=record, text=text)


def _insert(
    key: IssuedKey,
    *,
    by: Issuer,
    action: str,
    data: Mapping[str, Any],
    previous: Mapping[str, Any] | None = None,
    target: ApiKey | None = None,
) -> None:
    """With what is recorded of the change, in one statement."""
    entry = outbox.parameters(
        actor=by.actor,
        action=action,
        tenant_id=key.record.tenant_id,
        target=outbox.Target("api_key", (target or key.record).id),
        data=data,
        previous=previous,
    )
    _execute(f"WITH {outbox.RECORDED} {_INSERT}", _row(key) | entry)


def _row(key: IssuedKey) -> dict[str, Any]:
    return {name: getattr(key.record, name) for name in _COLUMNS}


def _record(
    by: Issuer,
    key: ApiKey,
    action: str,
    data: Mapping[str, Any],
    changes: Mapping[str, outbox.Change] | None = None,
) -> None:
    outbox.record(
        actor=by.actor,
        action=action,
        tenant_id=key.tenant_id,
        target=outbox.Target("api_key", key.id),
        data=data,
        changes=changes,
    )


def _revoke(found: Collection[ApiKey]) -> None:
    # A key may have been issued after this transaction began, by one that it waited for.
    ApiKey.objects.filter(id__in=[key.id for key in found]).update(revoked_at=Greatest(Now(), "created_at"))


def _execute(sql: str, parameters: Mapping[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def _one(sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        row = cursor.fetchone()
    return None if row is None else row[0]


# By the clock, not as the transaction began: whom it waited for may have ended the key.
_HAS_ENDED = """
    SELECT revoked_at IS NOT NULL OR expires_at IS NOT NULL AND expires_at <= clock_timestamp()
    FROM tenants_apikey WHERE id = %s
"""

_COLUMNS = [
    *("id", "tenant_id", "digest", "prefix", "label", "scopes", "allowed_cidrs", "created_by", "replaces_id"),
    "expires_at",
]

_INSERT = f"""
    INSERT INTO tenants_apikey ({", ".join(_COLUMNS)})
    VALUES ({", ".join(f"%({name})s" for name in _COLUMNS).replace("%(allowed_cidrs)s", "%(allowed_cidrs)s::cidr[]")})
"""
