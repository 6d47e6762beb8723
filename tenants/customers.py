"""Making a partner's customer. The caller records it, who knows what else the customer is given."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import connection
from msgspec.json import decode

from retivo.api.errors import FieldError, Problem, not_found
from retivo.api.json import encode
from tenants import config

_SLUG_LENGTH = 63
_SLUG_TRIES = 20  # others may take the slug that was free, again and again


class ExternalIdTakenError(Exception):
    """The partner has a customer of this external id: `tenant_id`, to be deleted at `delete_at` if at all."""

    def __init__(self, tenant_id: UUID, delete_at: datetime | None) -> None:
        super().__init__(str(tenant_id))
        self.tenant_id, self.delete_at = tenant_id, delete_at

    @property
    def problem(self) -> Problem:
        if self.delete_at is not None:
            return deleting(self.tenant_id, self.delete_at)
        detail = "You have a customer with this external id already."
        return Problem(409, "external_id_taken", detail, extra={"tenant_id": self.tenant_id})


@dataclass(frozen=True, kw_only=True)
class NewCustomer:
    """What was made of what was asked for."""

    id: UUID
    slug: str
    plan_tier: str


def create_customer(
    *,
    partner_id: UUID,
    name: str,
    slug: str | None,
    external_id: str | None,
    metadata: Mapping[str, str],
    plan_tier: str | None,
    tracked_user_limit: int,
    config_patch: Mapping[str, Any],
) -> NewCustomer:
    """A customer tenant of the partner.

    Args:
        slug: made of the name where None; of two with one name the second gets `-2`.
        plan_tier: the partner's own where None.
        config_patch: merged over the partner's config by JSON Merge Patch (RFC 7396), as it stands now.

    Raises:
        Problem: 400 for a config that Retivo cannot act on; 409 `slug_taken` if the partner has a customer with this
            slug.
        ExternalIdTakenError: it has one with this external id.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT plan_tier, config::text FROM tenants_tenant WHERE id = %s", [partner_id])
        partner_tier, partner_config = cursor.fetchone()
    inherited = config.inherited(decode(partner_config))
    values: dict[str, Any] = {
        "id": uuid4(),
        "partner_id": partner_id,
        "name": name,
        "external_id": external_id,
        "metadata": encode(metadata).decode(),
        "plan_tier": plan_tier or partner_tier,
        "tracked_user_limit": tracked_user_limit,
        # All of it is the partner's word.
        "config": encode(config.patched(inherited, config_patch, by_partner=True)).decode(),
    }
    base = slug or slug_of(name)
    wanted = base
    for _ in range(_SLUG_TRIES):
        with connection.cursor() as cursor:
            cursor.execute(_CREATE, {**values, "slug": wanted})
            if cursor.rowcount:
                return NewCustomer(id=values["id"], slug=wanted, plan_tier=values["plan_tier"])
        if external_id is not None and (taken := taken_by(partner_id=partner_id, external_id=external_id)):
            raise taken
        if slug:
            break
        wanted = _next_free(partner_id, base)
    raise Problem(409, "slug_taken", f"You have a customer with the slug `{wanted}` already.")


def taken_by(*, partner_id: UUID, external_id: str, lock: bool = False) -> ExternalIdTakenError | None:
    """The partner's customer that has this external id, as the error that says so.

    Args:
        lock: its row, so that it keeps the id: one that is deleted or gets another id meanwhile is not found.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKEN_BY + " FOR NO KEY UPDATE" if lock else _TAKEN_BY, [partner_id, external_id])
        row = cursor.fetchone()
    return ExternalIdTakenError(*row) if row else None


def check_changeable(*, partner_id: UUID, customer_id: UUID, pointer: str = "") -> None:
    """Raises Problem 404 if the partner has no such customer, 409 `customer_deleting` if it is being deleted.

    Args:
        pointer: to the member of the body that names the customer, where it is not in the path.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT delete_at FROM tenants_tenant WHERE id = %s AND parent_id = %s", [customer_id, partner_id]
        )
        row = cursor.fetchone()
    if row is None:
        fault = FieldError(pointer=pointer, code="not_found", detail="You have no such customer.")
        raise not_found([fault] if pointer else [])
    if row[0] is not None:
        raise deleting(customer_id, row[0])


def deleting(tenant_id: UUID, delete_at: datetime) -> Problem:
    """The refusal of what cannot be done to a tenant that is being deleted."""
    return Problem(
        409,
        "customer_deleting",
        "This customer is being deleted. Restore it first.",
        extra={"tenant_id": tenant_id, "delete_at": delete_at},
    )


def slug_of(name: str) -> str:
    """A slug from a name: `Café du Nord` is `cafe-du-nord`; of a name without letters and digits it is `customer`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain)[:_SLUG_LENGTH].strip("-")
    return slug if len(slug) >= 2 else "customer"


def _next_free(partner_id: UUID, base: str) -> str:
    """The base with the next number. Others that want one wait until this one is taken."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_TURN, [f"{partner_id} {base}"])
        cursor.execute(_NEXT, {"partner_id": partner_id, "pattern": f"^{base}-([0-9]{{1,9}})$"})
        (number,) = cursor.fetchone()
    return f"{base[: _SLUG_LENGTH - 1 - len(str(number))].rstrip('-')}-{number}"


# Whichever is taken, slug or external id: another transaction that is about to take it is waited for.
_CREATE = """
    INSERT INTO tenants_tenant
        (id, name, slug, tenant_role, parent_id, external_id, metadata, plan_tier, plan_status, tracked_user_limit,
         config, config_by_partner)
    VALUES (%(id)s, %(name)s, %(slug)s, 'customer', %(partner_id)s, %(external_id)s, %(metadata)s::jsonb,
            %(plan_tier)s, 'active', %(tracked_user_limit)s, %(config)s::jsonb, %(config)s::jsonb)
    ON CONFLICT DO NOTHING
"""

_TAKEN_BY = "SELECT id, delete_at FROM tenants_tenant WHERE parent_id = %s AND external_id = %s"

_TAKE_TURN = "SELECT pg_advisory_xact_lock(hashtextextended('retivo.slug:' || %s, 0))"

_NEXT = """
    SELECT 1 + coalesce(max(substring(slug FROM %(pattern)s)::bigint), 1)
    FROM tenants_tenant WHERE parent_id = %(partner_id)s AND slug ~ %(pattern)s
"""
