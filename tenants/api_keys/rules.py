"""What may not be done with keys: which scopes are granted, how many there are, and which may end."""

from collections.abc import Collection, Iterable
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from retivo.api.errors import Problem
from retivo.logging import caller_address
from tenants.api_keys.parties import Issuer
from tenants.models import ApiKey, Scope, Tenant, TenantRole

MAX_ACTIVE = 20  # keys of a tenant
MAX_EXPIRING = 20  # that go on beside their successors


def refuse_scopes(by: Issuer, tenant: Tenant, scopes: Collection[Scope]) -> None:
    for scope in sorted(scopes):
        if scope.family == Scope.PARTNER and tenant.tenant_role != TenantRole.PARTNER:
            detail = f"`{scope}` is a scope of the Partner API, which keys of a partner alone may hold."
        elif scope not in by.scopes:
            detail = f"A key can grant only the scopes that it holds, and this one does not hold `{scope}`."
        else:
            continue
        raise Problem(403, "scope_not_grantable", detail, extra={"scope": scope})


def refuse_above_limit(tenant: Tenant) -> None:
    active = ApiKey.objects.filter(usable(), tenant_id=tenant.id).exclude(_replaced()).count()
    if active >= MAX_ACTIVE:
        raise _limit_reached(
            f"A tenant has at most {MAX_ACTIVE} active keys, whatever its plan. Revoke one first.", active, MAX_ACTIVE
        )


def refuse_above_limit_of_expiring(tenant: Tenant) -> None:
    """Or a chain of rotations would make any number of keys that are let in."""
    expiring = ApiKey.objects.filter(usable(), _replaced(), tenant_id=tenant.id).count()
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


def refuse_unless_active(key: ApiKey) -> None:
    if key.revoked_at is not None:
        raise Problem(409, "key_revoked", "This key is revoked: issue another one.")
    successor = ApiKey.objects.filter(replaces_id=key.id).values_list("id", flat=True).first()
    if successor is not None:
        detail = "This key was rotated already. Rotate its successor instead."
        raise Problem(409, "already_rotated", detail, extra={"replaced_by": successor})
    if not ApiKey.objects.filter(usable(), id=key.id).exists():
        raise Problem(409, "key_expired", "This key has expired: issue another one.")


def refuse_unless_meant(by: Issuer, found: Collection[ApiKey], confirmed: bool) -> None:
    if not confirmed and any(key.id == by.key_id for key in found):
        detail = "This is the key that you are calling with: send `?confirm=self` if you mean it."
        raise Problem(409, "calling_key", detail)


def refuse_lockout(by: Issuer, tenant: Tenant, ended: Collection[ApiKey]) -> None:
    """Refuse what has left a partner no key that issues keys for what those that ended may do in the Partner API.

    It would be locked out of that until staff issue another.

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
    with connection.cursor() as cursor:
        parameters: dict[str, Any] = {
            "tenant_id": tenant.id,
            "managing": [*_MANAGING],
            "ended_at": ended_at,
            "address": caller_address(),
        }
        cursor.execute(_LEFT, parameters)
        had_ended, left = cursor.fetchone()
    if not had_ended and not _of_partner(left) >= _of_partner(scope for key in managing for scope in key.scopes):
        raise Problem(409, "last_partner_key", LAST_PARTNER_KEY)


LAST_PARTNER_KEY = (
    "This would leave no key that can issue keys for what this one may do in the Partner API, is valid for another "
    "day, and is let in from where you are or was used before. Issue one first."
)


def _of_partner(scopes: Iterable[str]) -> frozenset[Scope]:
    """What these scopes include of the Partner API."""
    included = (scope for held in scopes if held in Scope for scope in Scope(held).included)
    return frozenset(scope for scope in included if scope.family == Scope.PARTNER)


_MANAGING = frozenset({Scope.PARTNER, Scope.PARTNER_KEYS})

# What the keys that manage keys hold together, which is what they can issue.
#
# A key that has a successor is not counted, as it is on its way out. Where nothing that ended was valid for another
# day, it is enough that what is left is valid as long. Nobody may be in the networks of a key that was never used.
_LEFT = """
    SELECT coalesce(%(ended_at)s <= now(), false), coalesce(array_agg(DISTINCT scope), '{}')
    FROM tenants_apikey k, unnest(k.scopes) scope
    WHERE k.tenant_id = %(tenant_id)s AND k.scopes && %(managing)s AND k.revoked_at IS NULL
      AND (k.expires_at IS NULL OR k.expires_at >= least(%(ended_at)s, now() + interval '1 day'))
      AND (k.allowed_cidrs IS NULL OR k.last_used_at IS NOT NULL OR %(address)s::inet <<= ANY (k.allowed_cidrs))
      AND NOT EXISTS (SELECT FROM tenants_apikey s WHERE s.replaces_id = k.id)
"""


def usable() -> Q:
    """Keys that are let in, if their tenant is."""
    return Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=Now()))


def _replaced() -> Exists:
    return Exists(ApiKey.objects.filter(replaces=OuterRef("pk")))
