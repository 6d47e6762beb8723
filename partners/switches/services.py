"""Turning a partner's switches. Every function runs in the partner's tenant context."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from integrations import holding
from partners.customers.listing import CustomerFilter
from retivo.api.errors import FieldError, validation_failed
from tenants import outbox
from tenants import services as tenants
from tenants.controls import services as controls
from tenants.controls import state
from tenants.models import Control, Layer

MAX_FILTERED = 10_000  # customers that a filter may match: they are turned in one transaction
BATCH = 1000  # of them that a statement turns, or tells of: well within its deadline


@transaction.atomic(savepoint=False)
def turn(
    *, actor: str, partner_id: UUID, switch: str, active: bool, reason: str = "", only: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Turn a switch, and answer as `turned` does. Whoever turns it as it is changes nothing.

    Args:
        switch: `kill_switch` or `shadow_mode`.
        only: a part, by one member: `integration_id`, `action_type`, or `filter`, which turns it for each customer that
            it matches now; for all customers, of today and of tomorrow, where None.

    Raises:
        Problem: 404 for an integration or action type that the partner has not; 400 for a filter that matches more
            than `MAX_FILTERED`.
    """
    said = {"active": active, "reason": reason}
    customers = None
    if only is None:
        tenants.change_settings(actor=actor, tenant_id=partner_id, changes={}, said={switch: said})
    else:
        told: dict[str, Any] = {}
        if "filter" in only:
            where = CustomerFilter(**only["filter"])
            changed = customers = _turn_for(actor=actor, partner_id=partner_id, switch=switch, said=said, where=where)
        else:
            part = holding.hold(
                partner_id=partner_id, switch=switch, active=active, reason=reason, now=timezone.now(), **only
            )
            changed = part is not None
            told = _from_to(switch, part, only) if part else {}
        if changed:
            data = {"active": active, "reason": reason or None, "only": _told(only), "customers": customers}
            outbox.record(actor=actor, action=f"partner.{switch}", tenant_id=partner_id, data=data, **told)
    return {**turned(partner_id=partner_id, switch=switch), "customers_changed": customers}


def _from_to(switch: str, part: holding.Turned, only: Mapping[str, Any]) -> dict[str, Any]:
    """What the entry shows of a part, which it names, and what the event has as `previous`."""
    return {
        "changes": {switch: {"from": part.before, "to": part.after}, "only": {"from": None, "to": only}},
        "previous": {member: part.before[member] for member in ("active", "reason")},
    }


def _told(only: Mapping[str, Any]) -> dict[str, Any]:
    """Of a filter its members' names: what customers are called goes when they are deleted."""
    return {name: sorted(value) if name == "filter" else value for name, value in only.items()}


def turned(*, partner_id: UUID, switch: str) -> dict[str, Any]:
    """How a switch of the partner's stands: for all customers, and for parts of what the partner does."""
    own = Control.objects.filter(tenant_id=partner_id, layer=Layer.SELF)
    words = state.words(own.first() or Control())
    parts = holding.parts(partner_id=partner_id, switch=switch)
    return {**words[switch], "parts": [part._asdict() for part in parts]}


def _turn_for(*, actor: str, partner_id: UUID, switch: str, said: Mapping[str, Any], where: CustomerFilter) -> int:
    """Turn a switch in the partner's layer of each customer that matches; for how many that is a change.

    Each of these is told of, as if the switch had been turned for this customer alone.
    """
    asked = {"partner_id": partner_id, "limit": MAX_FILTERED + 1, **where.parameters}
    with connection.cursor() as cursor:
        # As whoever changes one customer: its row is locked before what is said of it.
        cursor.execute(
            f"SELECT t.id {where.matching} AND t.delete_at IS NULL ORDER BY t.id LIMIT %(limit)s FOR NO KEY UPDATE",
            asked,
        )
        found = [customer_id for (customer_id,) in cursor.fetchall()]
        if len(found) > MAX_FILTERED:
            detail = f"Matches more than {MAX_FILTERED:,} customers. Narrow it, or turn the switch for all of them."
            fault = FieldError(pointer="/only/filter", code="too_wide", detail=detail)
            raise validation_failed([fault])
    number = 0
    for start in range(0, len(found), BATCH):
        changes = controls.turn(customers=found[start : start + BATCH], switch=switch, **said)
        number += len(changes)
        if changes:
            outbox.record_each(
                actor=actor,
                action="customer.controls_changed",
                tenant_ids=changes,
                data={"changed": [switch], "by": Layer.PARTNER},
                changes=changes,
            )
    return number
