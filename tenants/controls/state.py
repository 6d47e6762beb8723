"""What is said of a tenant, and what follows from it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import msgspec
from django.db import connection
from django.utils.dateparse import parse_datetime

from tenants.models import Control, Layer, Tenant


class Part(msgspec.Struct, frozen=True):
    """A switch of the partner's that is on for an integration, or for its action type of this name."""

    switch: Literal["kill_switch", "shadow_mode"]
    integration_id: UUID
    provider: str
    action_type: str | None
    since: datetime
    by: Layer
    reason: str | None


class Effective(msgspec.Struct, frozen=True):
    """The state that a tenant is in. `since`, `by` and `reason` are those of the first of `because`, if any.

    `sending` is of all that the tenant has; `parts` are held beside that.
    """

    sending: Literal["on", "held"]
    ingesting: Literal["on", "off"]
    because: Sequence[str]  # the strictest first
    since: datetime | None
    by: Layer | None
    reason: str | None
    parts: Sequence[Part]

    @classmethod
    def of(cls, row: Sequence[Any]) -> "Effective":
        """From the columns `EFFECTIVE`."""
        return cls(*(*row[:-1], msgspec.json.decode(row[-1], type=list[Part])))


# The columns of the database's functions controls_in_force and controls_of_caller, as `f`, and of held_parts, for the
# tenant with the id `{tenant}`: what makes an `Effective`.
EFFECTIVE = "f.sending, f.ingesting, f.because, f.since, f.said_by, f.reason, held_parts({tenant})::text"


def of_caller() -> Effective:
    """The state of the tenant in context."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {EFFECTIVE.format(tenant='current_tenant()')} FROM controls_of_caller() f")  # noqa: S608 (our own constants)
        return Effective.of(cursor.fetchone())


def of_tenant(tenant: Tenant) -> Effective:
    """The state of a tenant whose rows, and whose partner's rows, the context sees: for staff."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {EFFECTIVE.format(tenant='t.id')} FROM tenants_tenant t,"  # noqa: S608 (our own constants)
            " controls_in_force(t.id, t.parent_id, t.delete_at IS NOT NULL) f WHERE t.id = %s",
            [tenant.id],
        )
        return Effective.of(cursor.fetchone())


def read(rows: str) -> list[Control]:
    """Rows of the table, of one tenant, that a statement answered as JSON."""
    found = [Control(**row) for row in msgspec.json.decode(rows)]
    for control in found:
        for name in ("kill_switch_since", "shadow_mode_since", "suspended_since"):
            if at := getattr(control, name):
                setattr(control, name, parse_datetime(at))
    return found


def of_layer(controls: Iterable[Control], layer: Layer) -> Control:
    """What the layer says; nothing, if it has no row."""
    return next((control for control in controls if control.layer == layer), Control(layer=layer))


def words(control: Control) -> dict[str, Any]:
    """What a layer says, as the API has it."""
    return {
        "kill_switch": switch(control.kill_switch_since, control.kill_switch_reason),
        "shadow_mode": switch(control.shadow_mode_since, control.shadow_mode_reason),
        "action_budget_usd": {
            "max": amount(control.action_budget_usd_max),
            "locked": control.action_budget_usd_locked,
        },
        "holdout_percent": {"min": number(control.holdout_percent_min), "locked": control.holdout_percent_locked},
    }


def suspension(controls: Iterable[Control]) -> dict[str, Any] | None:
    """The suspension of the tenant itself: the strictest of staff's and its partner's, if there is one."""
    found = [control for control in controls if control.suspended_since is not None]
    found.sort(key=lambda control: (control.suspension_mode != "full", control.layer != Layer.STAFF))
    return suspended(found[0]) if found else None


def suspended(control: Control) -> dict[str, Any] | None:
    """The suspension by one layer."""
    if control.suspended_since is None:
        return None
    return {
        "mode": control.suspension_mode,
        "reason": control.suspension_reason or None,
        "by": control.layer,
        "since": control.suspended_since,
    }


def amount(value: Decimal | None) -> str | None:
    return None if value is None else f"{Decimal(value).normalize():f}"


def number(value: Decimal | None) -> float | None:
    """Of `5` it is 5, of `2.5` 2.5."""
    return None if value is None else int(value) if value == int(value) else float(value)


def switch(since: datetime | None, reason: str) -> dict[str, Any]:
    """A switch of one layer, as the API has it."""
    return {"active": since is not None, "reason": reason or None, "since": since}
