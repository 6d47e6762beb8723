"""Which customers a roll-out names. In the partner's context."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from integrations.rollouts.services import To
from partners.customers.listing import CustomerFilter
from partners.rollouts.serializers import ALL
from retivo.api.errors import FieldError, not_found, validation_failed
from tenants.deletion.named import EXTERNAL

MAX_FILTERED = 100_000  # customers that a filter may match


def whom(*, partner_id: UUID, to: str | Mapping[str, Any]) -> To:
    """Whom a roll-out moves, by what was sent. What is kept of that names no customer, as none outlives its deletion.

    Raises:
        Problem: 404 for a customer that the partner has not, 400 for a filter that matches more than `MAX_FILTERED`.
    """
    if to == ALL or isinstance(to, str):
        return To(asked=ALL)
    if "percent" in to:
        return To(asked={"percent": to["percent"]}, percent=to["percent"])
    if "customer_ids" in to:
        named = _named(partner_id, to["customer_ids"])
        return To(asked={"customer_ids": len(named)}, customers=named, pointer="/to/customer_ids")
    found = _filtered(partner_id, CustomerFilter(**to["filter"]))
    return To(asked={"filter": sorted(to["filter"])}, customers=found, all_known=True)


def _named(partner_id: UUID, references: Sequence[str]) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(_NAMED, {"partner_id": partner_id, "references": list(references), "prefix": EXTERNAL})
        found = dict(cursor.fetchall())
    faults = [
        FieldError(pointer=f"/to/customer_ids/{place}", code="not_found", detail="You have no such customer.")
        for place, reference in enumerate(references)
        if reference not in found
    ]
    if faults:
        raise not_found(faults)
    return [found[reference] for reference in references]


def _filtered(partner_id: UUID, where: CustomerFilter) -> list[UUID]:
    asked = {"partner_id": partner_id, "limit": MAX_FILTERED + 1, **where.parameters}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT t.id {where.matching} ORDER BY t.id LIMIT %(limit)s", asked)
        found = [customer_id for (customer_id,) in cursor.fetchall()]
    if len(found) > MAX_FILTERED:
        detail = f"Matches more than {MAX_FILTERED:,} customers. Narrow it, or roll out to all of them."
        raise validation_failed([FieldError(pointer="/to/filter", code="too_wide", detail=detail)])
    return found


_NAMED = """
    SELECT r.reference, t.id
    FROM unnest(%(references)s::text[]) AS r (reference)
    JOIN tenants_tenant t ON t.parent_id = %(partner_id)s AND (
        t.id::text = lower(r.reference) OR %(prefix)s || t.external_id = r.reference
    )
"""
