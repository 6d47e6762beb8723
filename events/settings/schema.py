"""What OpenAPI says of a tenant's settings."""

from functools import partial
from typing import Any

from events.ingestion.serializers import SettingsSerializer, UsageQuerySerializer
from retivo.api.errors import FieldError
from retivo.api.operation import operation
from retivo.api.schema import INVALID_QUERY, NO_FULL_ACCESS, Problems
from tenants.api_keys.schema import KEY
from tenants.models import Scope
from tenants.serializers import SettingsRequestSerializer, SwitchRequestSerializer, TenantResponseSerializer

_TENANT = {
    "id": "0b9f6d7e-5a3c-4c57-9d0e-3f5d1f6a7b21",
    "name": "Merchant ABC",
    "slug": "merchant-abc",
    "config": {"learning": "contribute"},
    "plan_tier": "growth",
    "plan_status": "active",
    "tracked_user_limit": 5000,
    "kill_switch_active": False,
    "shadow_mode": False,
    "created_at": "2026-04-26T10:00:00Z",
}

_EFFECTIVE: dict[str, Any] = {
    "sending": "on",
    "ingesting": "on",
    "because": [],
    "since": None,
    "by": None,
    "reason": None,
    "parts": [],
}
_AT = {"since": "2026-11-20T08:00:00Z", "by": "self", "reason": "Prices were wrong."}

_SETTINGS = {
    "tenant": _TENANT,
    "effective": _EFFECTIVE,
    "api_keys": [KEY],
    "usage": {"month": "2026-11", "active_users": 1840, "limit": 5000, "events": 52718},
}

_SET_BY_PARTNER = Problems(
    "NotYoursToSet",
    403,
    {
        **NO_FULL_ACCESS.examples,
        "config_set_by_partner": FieldError(
            pointer="/config/overage",
            code="config_set_by_partner",
            detail="This is set by the partner that provisioned this tenant.",
        ),
        "control_locked": FieldError(
            pointer="/config/holdout_percent", code="control_locked", detail="The partner locked this."
        ),
        "control_bound": FieldError(
            pointer="/config/action_budget_usd",
            code="control_bound",
            detail="Must be at most 25: the partner set this limit.",
        ),
    },
)


_operation = partial(operation, scope=Scope.SETTINGS_WRITE, tag="Settings", answers=TenantResponseSerializer)

get_settings = _operation(
    "getSettings",
    "Get your settings",
    "Your tenant, its keys without their texts, and what it used in a month.",
    parameters=[UsageQuerySerializer],
    problems=[INVALID_QUERY],
    answers=SettingsSerializer,
    example=_SETTINGS,
)

change_settings = _operation(
    "changeSettings",
    "Change your settings",
    "Changes the name, and the config by JSON Merge Patch. Two changes of different keys at once both stand. What a "
    "customer's partner sets (`overage`, `retention_days`, `learning_by_partner`) the customer cannot change.",
    takes=SettingsRequestSerializer,
    requests={"A change": {"name": "Merchant ABC", "config": {"learning": "contribute"}}},
    example={"tenant": _TENANT, "effective": _EFFECTIVE},
    forbidden=_SET_BY_PARTNER,
)

set_kill_switch = _operation(
    "setKillSwitch",
    "Turn the kill switch",
    "While it is on no action is sent. A partner's own acts on all of its customers, too. What a customer's partner or "
    "staff say stays: `effective` tells what holds.",
    takes=SwitchRequestSerializer,
    requests={"A change": {"active": True, "reason": "Prices were wrong."}},
    example={
        "tenant": {**_TENANT, "kill_switch_active": True},
        "effective": {**_EFFECTIVE, **_AT, "sending": "held", "because": ["kill_switch"]},
    },
)

set_shadow_mode = _operation(
    "setShadowMode",
    "Turn shadow mode",
    "While it is on, decisions are made and logged, and nothing is sent. A partner's own acts on all of its customers, "
    "too.",
    takes=SwitchRequestSerializer,
    requests={"A change": {"active": True, "reason": "Prices were wrong."}},
    example={
        "tenant": {**_TENANT, "shadow_mode": True},
        "effective": {**_EFFECTIVE, **_AT, "sending": "held", "because": ["shadow_mode"]},
    },
)
