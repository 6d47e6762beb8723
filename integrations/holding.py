"""A partner's switches for an integration, or for an action type's name in all of its integrations.

`held` of an integration has what is on, by an action type's name or by `*`: `{"*": {"kill_switch": {"reason": …}}}`.
Deciding and the database's function claim_actions go by it. The trigger `hold_names` keeps the names the same in all
integrations of a partner, later ones included, whether or not they have such an action type.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import BooleanField, F, Func, OuterRef

from integrations.models import ActionTypeTemplate, PartnerIntegration
from retivo.api.errors import FieldError, not_found
from tenants.models import Layer

WHOLE = "*"

# The names of `held` that the integration has, in any revision.
NAMES_OF_ITS_OWN = ArraySubquery(
    ActionTypeTemplate.objects.filter(
        Func(OuterRef("held"), F("name"), function="jsonb_exists", output_field=BooleanField()),
        integration=OuterRef("pk"),
    )
    .order_by("name")
    .values("name")
)


class Part(NamedTuple):
    """A switch that is on for a part of what a partner does. A name that no integration has any more has none here."""

    integration_id: UUID | None
    provider: str | None
    action_type: str | None
    reason: str | None
    since: str


class Turned(NamedTuple):
    """How a switch of a part stood before it was turned, and how it stands now: `active`, `reason` and `since`."""

    before: dict[str, Any]
    after: dict[str, Any]


def parts(*, partner_id: UUID, switch: str) -> Iterator[Part]:
    """Where a switch is on, in the order of registration; names that no integration has any more come last."""
    integrations = PartnerIntegration.objects.filter(tenant_id=partner_id).exclude(held={})
    found = integrations.only("id", "provider", "held", "tenant_id", "deleted_at").annotate(held_names=NAMES_OF_ITS_OWN)
    named: dict[str, Any] = {}
    shown = set()
    for integration in found:
        named |= {name: each for name, each in integration.held.items() if name != WHOLE}
        if integration.deleted_at is not None:
            continue
        for name in (WHOLE, *integration.held_names):
            if said := integration.held.get(name, {}).get(switch):
                shown.add(name)
                of_name = None if name == WHOLE else name
                yield Part(integration.id, integration.provider, of_name, said["reason"], said["since"])
    for name in sorted(named.keys() - shown):
        if said := named[name].get(switch):
            yield Part(None, None, name, said["reason"], said["since"])


def said(held: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The switches that are on for a part, by `held` of its integration: each, the kill switch first."""
    switches = held.get(name, {})
    return [
        {
            "switch": switch,
            "since": switches[switch]["since"],
            "by": Layer.PARTNER,
            "reason": switches[switch]["reason"],
        }
        for switch in sorted(switches)
    ]


def hold(
    *,
    partner_id: UUID,
    switch: str,
    active: bool,
    reason: str,
    now: datetime,
    integration_id: UUID | None = None,
    action_type: str | None = None,
) -> Turned | None:
    """Turn a switch for one integration, or for a name of action types; None if it was so already.

    A name holds in all of the partner's integrations, of today and of tomorrow.

    Raises:
        Problem: 404 if the partner has no such integration, or has never had an action type of this name.
    """
    integrations = PartnerIntegration.objects.filter(tenant_id=partner_id).only("held")
    if integration_id is not None:
        name, member = WHOLE, "integration_id"
        integrations = integrations.filter(id=integration_id, deleted_at=None)
    else:
        assert action_type is not None  # noqa: S101  # one of the two
        name, member = action_type, "action_type"
        with connection.cursor() as cursor:
            cursor.execute(_HOLD_OFF_REGISTERING, [str(partner_id)])
        if not ActionTypeTemplate.objects.filter(tenant_id=partner_id, name=action_type).exists():
            integrations = integrations.none()
    # All rows that will change, in the order in which others lock them.
    locked = list(integrations.order_by("id").select_for_update(no_key=True, of=("self",)))
    if not locked:
        detail = f"You have no such {member.removesuffix('_id').replace('_', ' ')}."
        raise not_found([FieldError(pointer=f"/only/{member}", code="not_found", detail=detail)])
    integration = locked[0]  # of a name any: the trigger has the others follow
    before = integration.held.get(name, {})
    integration.held = _turned(
        integration.held, name, switch, {"reason": reason or None, "since": now} if active else None
    )
    after = integration.held.get(name, {})
    if after == before:
        return None
    integration.save(update_fields=["held"])
    return Turned(_shown(before.get(switch)), _shown(after.get(switch)))


def _shown(said: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"active": said is not None, "reason": None, "since": None, **(said or {})}


def _turned(held: dict[str, Any], name: str, switch: str, said: dict[str, Any] | None) -> dict[str, Any]:
    before = held.get(name, {})
    after = {other: value for other, value in before.items() if other != switch}
    if said is not None:
        since = before[switch]["since"] if switch in before else said["since"].isoformat().replace("+00:00", "Z")
        after[switch] = {"reason": said["reason"], "since": since}
    rest = {other: value for other, value in held.items() if other != name}
    return rest | ({name: after} if after else {})


# The key that hold_names() takes: a name that is turned, and an integration that is registered, wait for each other.
_HOLD_OFF_REGISTERING = "SELECT pg_advisory_xact_lock(hashtextextended('retivo.hold:' || %s, 0))"
