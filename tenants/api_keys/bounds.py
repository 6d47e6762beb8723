"""What binds a key beside its scopes: a key issues none that ends later, or is let in from elsewhere, than itself.

So a key that lasts an hour, or that is of no use outside a network, is no way to one that is without such bounds. The
trigger `guard_api_key` holds that; what is here says it in words, before the database refuses.
"""

from collections.abc import Sequence
from datetime import datetime
from ipaddress import ip_network
from uuid import UUID

from retivo.api.errors import FieldError, Problem
from tenants.models import ApiKey


def of(issuer_id: UUID | None) -> tuple[datetime | None, list[str] | None]:
    """When the issuer expires and the networks that it is let in from, each None if it is not bound; staff are not."""
    if issuer_id is None:
        return None, None
    return ApiKey.objects.values_list("expires_at", "allowed_cidrs").get(id=issuer_id)


def refuse_wider(issuer_id: UUID | None, expires_at: datetime | None, networks: Sequence[str] | None) -> None:
    """Refuse a key that is less bound than its issuer.

    Raises:
        Problem: 403 `expiry_not_grantable`, `networks_not_grantable`, which names the field.
    """
    latest, allowed = of(issuer_id)
    if latest is not None and (expires_at is None or expires_at > latest):
        detail = f"A key cannot issue one that outlives it, and this one expires at {latest:%Y-%m-%dT%H:%M:%S.%fZ}."
        raise _refused("expiry_not_grantable", "/expires_at", detail)
    if allowed is not None and (networks is None or not all(_is_within(network, allowed) for network in networks)):
        detail = (
            f"A key cannot issue one for networks outside its own, and this one has {', '.join(map(str, allowed))}."
        )
        raise _refused("networks_not_grantable", "/allowed_cidrs", detail)


def _is_within(network: str, allowed: Sequence[str]) -> bool:
    wanted = ip_network(network)
    found = (ip_network(each) for each in allowed)
    return any(each.version == wanted.version and wanted.subnet_of(each) for each in found)  # type: ignore[arg-type]


def _refused(code: str, pointer: str, detail: str) -> Problem:
    return Problem(403, code, f"{pointer}: {detail}", errors=[FieldError(pointer=pointer, code=code, detail=detail)])
