"""Whose keys they are, and who changes them."""

from dataclasses import dataclass
from uuid import UUID

from tenants.access.authentication import Caller
from tenants.models import Scope


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
