"""Changing what one layer says of a tenant. The caller locks the tenant's row before, and writes the audit entry."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from retivo.api.values import same
from tenants.controls import state
from tenants.models import CASCADE_DAYS, Control, Layer, SuspensionMode

Said = Mapping[str, Any]


def change(*, tenant_id: UUID, layer: Layer, said: Said) -> dict[str, Any]:
    """Say something of a tenant in one layer; what changed by that, as audit entries have it.

    Args:
        said: by the name of the control. `kill_switch` and `shadow_mode` are `{active, reason?}`, `suspension` is
            `{mode?, reason?, cascade_days?}` or None, `action_budget_usd` is `{max?, locked?}` or None, and
            `holdout_percent` is `{min?, locked?}` or None. What is not there stays as it is.
    """
    found = Control.objects.filter(tenant_id=tenant_id, layer=layer).first()
    control = found or Control(tenant_id=tenant_id, layer=layer)
    before = _all(control)
    for name, value in said.items():
        _SAY[name](control, name, value)
    if _same(before, control):
        return {}
    control.save(force_insert=found is None, force_update=found is not None)
    control.refresh_from_db()
    after = _all(control)
    return {name: {"from": before[name], "to": after[name]} for name in after if not same(before[name], after[name])}


def turn(*, customers: list[UUID], switch: str, active: bool, reason: str) -> dict[UUID, dict[str, Any]]:
    """Turn a switch in the partner's layer of each of its customers, whose rows are locked.

    Returns:
        What changed by that, of each customer for which it is a change, as `change` has it.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TURN.format(switch=switch), {"customers": customers, "active": active, "reason": reason})
        return {
            customer: {switch: {"from": state.switch(*said[:2]), "to": state.switch(*said[2:])}}
            for customer, *said in cursor.fetchall()
        }


def _all(control: Control) -> dict[str, Any]:
    return {**state.words(control), "suspension": _suspension(control)}


def _suspension(control: Control) -> dict[str, Any] | None:
    """With the days that staff alone say."""
    shown = state.suspended(control)
    return shown and shown | ({} if control.cascade_days is None else {"cascade_days": control.cascade_days})


def _same(before: dict[str, Any], control: Control) -> bool:
    """Whether nothing is said that was not. A moment that is not known yet is an expression."""
    names = ("kill_switch_since", "shadow_mode_since", "suspended_since")
    return not any(isinstance(getattr(control, name), Now) for name in names) and same(_all(control), before)


# --- What each control is made of -----------------------------------------------------------------------------------


def _switch(control: Control, name: str, value: Said) -> None:
    since, active = getattr(control, f"{name}_since"), value["active"]
    reason = value.get("reason", getattr(control, f"{name}_reason")) if active else ""
    setattr(control, f"{name}_since", (since or Now()) if active else None)
    setattr(control, f"{name}_reason", reason or "")


def _suspend(control: Control, _: str, value: Said | None) -> None:
    if value is None:
        control.suspended_since = control.suspension_mode = control.cascade_days = None
        control.suspension_reason = ""
        return
    control.suspended_since = control.suspended_since or Now()
    control.suspension_mode = value.get("mode", control.suspension_mode or SuspensionMode.FULL)
    control.suspension_reason = value.get("reason", control.suspension_reason) or ""
    if control.layer == Layer.STAFF:
        known = CASCADE_DAYS if control.cascade_days is None else control.cascade_days
        control.cascade_days = value.get("cascade_days", known)


def _budget(control: Control, _: str, value: Said | None) -> None:
    said: Said = {"max": None, "locked": False} if value is None else value
    most = said.get("max", control.action_budget_usd_max)
    control.action_budget_usd_max = None if most is None else Decimal(str(most))
    control.action_budget_usd_locked = said.get("locked", control.action_budget_usd_locked)


def _holdout(control: Control, _: str, value: Said | None) -> None:
    said: Said = {"min": None, "locked": False} if value is None else value
    least = said.get("min", control.holdout_percent_min)
    control.holdout_percent_min = None if least is None else Decimal(str(least))
    control.holdout_percent_locked = said.get("locked", control.holdout_percent_locked)


_SAY: dict[str, Callable[[Control, str, Any], None]] = {
    "kill_switch": _switch,
    "shadow_mode": _switch,
    "suspension": _suspend,
    "action_budget_usd": _budget,
    "holdout_percent": _holdout,
}


# What was said before is that of the statement's snapshot: nobody else says anything while the customers are locked.
_TURN = """
    WITH turned AS (
        INSERT INTO tenants_control AS c (tenant_id, layer, {switch}_since, {switch}_reason)
        SELECT customer, 'partner', now(), %(reason)s FROM unnest(%(customers)s::uuid[]) AS customer
        WHERE %(active)s OR EXISTS (
            SELECT FROM tenants_control o WHERE o.tenant_id = customer AND o.layer = 'partner'
        )
        ON CONFLICT (tenant_id, layer) DO UPDATE SET
            {switch}_since = CASE WHEN %(active)s THEN coalesce(c.{switch}_since, now()) END,
            {switch}_reason = CASE WHEN %(active)s THEN excluded.{switch}_reason ELSE '' END
        WHERE (c.{switch}_since IS NOT NULL) <> %(active)s OR %(active)s AND c.{switch}_reason <> %(reason)s
        RETURNING c.tenant_id, c.{switch}_since, c.{switch}_reason
    )
    SELECT t.tenant_id, b.{switch}_since, coalesce(b.{switch}_reason, ''), t.{switch}_since, t.{switch}_reason
    FROM turned t LEFT JOIN tenants_control b ON b.tenant_id = t.tenant_id AND b.layer = 'partner'
"""
