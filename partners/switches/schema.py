"""What OpenAPI says of a partner's switches."""

from functools import partial
from typing import Any

from partners.operation import INTEGRATION, SWITCHES, partner_operation
from partners.switches import serializers
from retivo.api.schema import NOT_FOUND
from tenants.models import Scope

_ON: dict[str, Any] = {
    "active": True,
    "reason": "Wrong amounts were granted.",
    "since": "2026-11-20T08:00:00Z",
    "parts": [
        {
            "integration_id": INTEGRATION["id"],
            "provider": INTEGRATION["provider"],
            "action_type": "grant_points",
            "reason": None,
            "since": "2026-11-19T17:00:00Z",
        }
    ],
}

_reading = partial(partner_operation, scope=Scope.PARTNER_READ, tag=SWITCHES)
_turning = partial(
    partner_operation,
    scope=Scope.PARTNER_SWITCHES,
    tag=SWITCHES,
    takes=serializers.FleetSwitchRequestSerializer,
    requests={
        "All customers": {"active": True, "reason": "Wrong amounts were granted."},
        "One integration": {"active": True, "only": {"integration_id": INTEGRATION["id"]}},
        "One action type": {"active": True, "only": {"action_type": "grant_points"}},
        "Some customers": {"active": False, "only": {"filter": {"plan_tier": "starter"}}},
    },
    problems=[NOT_FOUND],
)
_PARTS = (
    " With `only` it is turned for a part: for an integration or an action type, whichever customer has it, now or "
    "later, or for each customer that a filter matches now, as `controls` of the customer would, with an audit entry "
    "and an event `customer.controls_changed` of each that it changes. What is queued waits until the switch is lifted "
    "or it expires; what is being sent is not called back. A customer cannot lift it."
)

get_kill_switch = _reading(
    "getPartnerKillSwitch",
    "Get the kill switch of all customers",
    "Whether it is on for all of your customers, and for which integrations and action types.",
    answers=serializers.KillSwitchSerializer,
    example={"kill_switch": _ON},
)

turn_kill_switch = _turning(
    "turnPartnerKillSwitch",
    "Turn the kill switch of all customers",
    "While it is on, nothing is decided for and sent to users of your customers." + _PARTS,
    answers=serializers.TurnedKillSwitchSerializer,
    example={"kill_switch": {**_ON, "customers_changed": None}},
)

get_shadow_mode = _reading(
    "getPartnerShadowMode",
    "Get the shadow mode of all customers",
    "Whether it is on for all of your customers, and for which integrations and action types.",
    answers=serializers.ShadowModeSerializer,
    example={"shadow_mode": _ON},
)

turn_shadow_mode = _turning(
    "turnPartnerShadowMode",
    "Turn the shadow mode of all customers",
    "While it is on, decisions are made and logged, and nothing is sent." + _PARTS,
    answers=serializers.TurnedShadowModeSerializer,
    example={"shadow_mode": {**_ON, "customers_changed": None}},
)
