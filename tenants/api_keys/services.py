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
from django.db.models import QuerySet
from django.db.models.functions import Greatest, Now

from retivo.api.errors import Problem, not_found
from tenants import customers, outbox
from tenants.access import keys
from tenants.api_keys import bounds, rules
from tenants.api_keys.parties import Holder, Issuer
from tenants.models import ApiKey, KeyMode, Scope, Tenant

FULL_ACCESS = (Scope.FULL,)


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
            `networks_not_grantable`, `api_key_limit_reached`; 409 `customer_deleting`.
        ValidationError: a test key, for there are no test tenants.
    """
    if mode == KeyMode.TEST:
        raise ValidationError("A test key belongs to a test tenant, and there are none yet. Issue a live key.")
    tenant = _locked(of, by)
    rules.refuse_scopes(by, tenant, scopes)
    bounds.refuse_wider(by.key_id, expires_at, allowed_cidrs)
    rules.refuse_above_limit(tenant)
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
    """Give a key another label. Raises Problem 404, 409 `customer_deleting`."""
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
            `api_key_limit_reached`; 409 `key_revoked`, `key_expired`, `already_rotated`, `last_partner_key`,
            `customer_deleting`.
    """
    key = _key(of, key_id)
    tenant = _locked(of, by)
    rules.refuse_unless_active(key)
    rules.refuse_scopes(by, tenant, [Scope(scope) for scope in key.scopes])
    bounds.refuse_wider(by.key_id, expires_at, key.allowed_cidrs)
    if overlap:
        rules.refuse_above_limit_of_expiring(tenant)
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
    rules.refuse_lockout(by, tenant, [key])
    return successor


@transaction.atomic(savepoint=False)
def revoke(*, of: Holder, by: Issuer, key_id: UUID, confirmed: bool = False) -> ApiKey:
    """Revoke a key for good. Revoking it again changes nothing.

    That holds for a tenant that is being deleted, too, which may be restored: the key would be let in again.

    Args:
        confirmed: that the caller means the key that it calls with.

    Raises:
        Problem: 404; 409 `calling_key`, `last_partner_key`.
    """
    key = _key(of, key_id)
    tenant = _locked(of, by, even_deleting=True)
    if key.revoked_at is None:
        rules.refuse_unless_meant(by, [key], confirmed)
        _revoke([key])
        rules.refuse_lockout(by, tenant, [key])
        key.refresh_from_db(fields=["revoked_at"])
        _record(by, key, "api_key.revoked", about(key))
    return key


@transaction.atomic(savepoint=False)
def revoke_all(*, of: Holder, by: Issuer, reissue: bool, confirmed: bool = False) -> tuple[int, IssuedKey | None]:
    """Revoke every key that is still let in; how many, and a new key with all of their scopes if that is asked for.

    Where no key was let in, the new one has full access. It is let in from their networks, if all of them were bound to
    some, and otherwise from the issuer's; it expires with the issuer.

    Raises:
        Problem: 404; 403 `scope_not_grantable`, `networks_not_grantable`; 409 `calling_key`, `last_partner_key`,
            and `customer_deleting` with `reissue`.
    """
    found = list(_lockable(of).filter(rules.usable()))
    tenant = _locked(of, by, even_deleting=not reissue)
    rules.refuse_unless_meant(by, found, confirmed)
    new = None
    if reissue:
        scopes = {Scope(scope) for key in found for scope in key.scopes} or {*FULL_ACCESS}
        scopes = {scope for scope in scopes if scope == scope.family or scope.family not in scopes}
        rules.refuse_scopes(by, tenant, scopes)
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
    rules.refuse_lockout(by, tenant, found)
    return len(found), new


# --- Rows -------------------------------------------------------------------------------------------------------------


def _lockable(of: Holder) -> QuerySet[ApiKey]:
    keys = ApiKey.objects.filter(tenant_id=of.tenant_id).defer("digest")
    return keys.select_for_update(no_key=True).order_by("id")


def _key(of: Holder, key_id: UUID) -> ApiKey:
    key = _lockable(of).filter(id=key_id).first()
    if key is None:
        raise not_found()
    return key


def _locked(of: Holder, by: Issuer, *, even_deleting: bool = False) -> Tenant:
    owned = {} if of.partner_id is None else {"parent_id": of.partner_id}
    # NO KEY: events go on being counted, whose rows refer to this one.
    tenant = Tenant.objects.select_for_update(no_key=True).filter(id=of.tenant_id, **owned).first()
    if tenant is None:
        raise not_found()
    if tenant.delete_at is not None and not even_deleting:
        raise customers.deleting(tenant.id, tenant.delete_at)
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


def _one(sql: str, parameters: Sequence[Any]) -> Any:
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
