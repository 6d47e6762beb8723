"""A partner's switches for an integration, or for an action type of that name, of all customers that have it.

`held` of an integration has what is on, by an action type's name or by `*`: `{"*": {"kill_switch": {"reason": …}}}`.
Deciding and the database's function claim_actions go by it.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from integrations.models import PartnerIntegration
from retivo.api.errors import FieldError, not_found
from tenants.models import Layer

WHOLE = "*"


class Part(NamedTuple):
    """A switch that is on for a part of what a partner does."""

    integration_id: UUID
    provider: str
    action_type: str | None
    reason: str | None
    since: str


def parts(*, partner_id: UUID, switch: str) -> Iterator[Part]:
    """Where a switch is on, in the order of registration."""
    integrations = PartnerIntegration.objects.filter(tenant_id=partner_id, deleted_at=None).exclude(held={})
    for integration in integrations.only("id", "provider", "held", "tenant_id"):
        for name, switches in sorted(integration.held.items()):
            if said := switches.get(switch):
                yield Part(
                    integration.id, integration.provider, None if name == WHOLE else name, said["reason"], said["since"]
                )


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
) -> bool:
    """Turn a switch for one integration, or for an action type in all integrations that have it; whether it was not so.

    Raises:
        Problem: 404 if the partner has no such integration, or none with such an action type.
    """
    owned = PartnerIntegration.objects.filter(tenant_id=partner_id, deleted_at=None)
    if integration_id is not None:
        name, found = WHOLE, owned.filter(id=integration_id)
    else:
        assert action_type is not None  # noqa: S101  # one of the two
        name, found = action_type, owned.filter(templates__name=action_type, templates__tenant_id=partner_id)
    changed = False
    integrations = list(found.order_by("id").select_for_update(no_key=True, of=("self",)))
    if not integrations:
        member = "integration_id" if integration_id is not None else "action_type"
        detail = "You have no such integration." if integration_id is not None else "You have no such action type."
        raise not_found([FieldError(pointer=f"/only/{member}", code="not_found", detail=detail)])
    for integration in integrations:
        held = _turned(integration.held, name, switch, {"reason": reason or None, "since": now} if active else None)
        if held != integration.held:
            integration.held, changed = held, True
            integration.save(update_fields=["held"])
    return changed


def _turned(held: dict[str, Any], name: str, switch: str, said: dict[str, Any] | None) -> dict[str, Any]:
    before = held.get(name, {})
    after = {other: value for other, value in before.items() if other != switch}
    if said is not None:
        since = before[switch]["since"] if switch in before else said["since"].isoformat().replace("+00:00", "Z")
        after[switch] = {"reason": said["reason"], "since": since}
    rest = {other: value for other, value in held.items() if other != name}
    return rest | ({name: after} if after else {})
