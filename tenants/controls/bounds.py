"""Bounds and locks of two keys of a tenant's config, by its partner and by staff.

The database's triggers hold them. What is here says so in words, before the database refuses a change.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from retivo.api.errors import FieldError, Problem, validation_failed
from retivo.api.values import same
from tenants.controls.state import amount, number
from tenants.models import Control, Layer

BOUND = ("action_budget_usd", "holdout_percent")
_WHO = {Layer.SELF: "the tenant", Layer.PARTNER: "the partner", Layer.STAFF: "Retivo's staff"}
_RANK = list(Layer)


def touched(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The keys with bounds whose values differ."""
    return [key for key in BOUND if not same(before.get(key), after.get(key))]


def check(controls: Iterable[Control], before: Mapping[str, Any], after: Mapping[str, Any], *, by: Layer) -> None:
    """Hold a change of a config to what the layers say of it.

    Raises:
        Problem: 403 `control_locked` or `control_bound` for what a layer above says; 400 for the writer's own bounds.
    """
    found = [fault for key in touched(before, after) for fault in _faults(key, list(controls), after.get(key), by)]
    refused = [fault for fault in found if fault["code"] != "out_of_bounds"]
    if refused:
        raise Problem(403, refused[0]["code"], f"{refused[0]['pointer']}: {refused[0]['detail']}", errors=refused)
    if found:
        raise validation_failed(found)


def _faults(key: str, controls: list[Control], value: Any, by: Layer) -> list[FieldError]:
    for control in sorted(controls, key=lambda control: -_RANK.index(Layer(control.layer))):
        layer = Layer(control.layer)
        above = _RANK.index(layer) > _RANK.index(by)
        if above and getattr(control, f"{key}_locked"):
            return [_fault(key, "control_locked", f"{_WHO[layer]} locked this.")]
        if said := _leaves(key, control, value):
            code = "control_bound" if above else "out_of_bounds"
            return [_fault(key, code, f"{said}: {_WHO[layer]} set this limit.")]
    return []


def _leaves(key: str, control: Control, value: Any) -> str:
    """Which bound of this layer the value leaves, if it leaves one. A budget that is not there has no limit."""
    read = _decimal(value)
    if key == "action_budget_usd":
        most = control.action_budget_usd_max
        leaves = most is not None and (read is None or read > most)
        return f"{'Required, and' if read is None else 'Must be'} at most {amount(most)}" if leaves else ""
    least = control.holdout_percent_min
    leaves = least is not None and (read or Decimal(0)) < least
    return f"{'Required, and' if read is None else 'Must be'} at least {number(least):g}" if leaves else ""


def _decimal(value: Any) -> Decimal | None:
    try:
        return None if value is None or isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        return None


def _fault(key: str, code: str, detail: str) -> FieldError:
    return FieldError(pointer=f"/config/{key}", code=code, detail=detail[0].upper() + detail[1:])
