"""What OpenAPI says of a tenant's action types: a decorator for each operation of `integrations.action_types.views`."""

from functools import partial
from typing import Any

from drf_spectacular.utils import OpenApiParameter

from integrations.action_types import serializers
from integrations.parameters.schema import DIALECT
from integrations.serializers import RotatedSecretSerializer, RotateSecretRequestSerializer
from retivo.api.errors import FieldError
from retivo.api.operation import operation
from retivo.api.schema import INVALID_QUERY, KEY_IN_USE, NO_FULL_ACCESS, NOT_FOUND, Link, Problems, conflict
from tenants.models import Scope

_REQUEST: dict[str, Any] = {
    "name": "send_gift_card",
    "description": "Send a gift card by mail",
    "provider": "our-shop",
    "domain": "loyalty",
    "parameters_schema": {"amount": {"type": "number", "required": True}},
    "delivery_webhook": "https://hooks.shop.example/gift-cards",
    "estimated_cost_usd": "10.50",
}
_SCHEMA = {
    "$schema": DIALECT,
    "type": "object",
    "properties": {"amount": {"type": "number"}},
    "required": ["amount"],
    "additionalProperties": False,
}
_OWN: dict[str, Any] = {
    "id": "at_5d2c8a1e1f0b4a8e8d439a0f7c6b5e12",
    **_REQUEST,
    "parameters_schema": _SCHEMA,
    "kind": "loyalty/send_voucher",
    "kind_source": "proposed",
    "integration_id": None,
    "revision": None,
    "withdrawn": False,
    "deprecated_at": None,
    "sunset_at": None,
    "held": [],
    "active": True,
    "created_at": "2026-04-26T10:00:00Z",
}
_SHARED = {
    **_OWN,
    "id": "at_0b9f6d7e5a3c4c579d0e3f5d1f6a7b21",
    "name": "grant_points",
    "description": "Grant loyalty points",
    "kind": "loyalty/grant_points",
    "provider": "acme-loyalty",
    "delivery_webhook": None,
    "estimated_cost_usd": None,
    "integration_id": "c1f4c7a2-8a55-4e0e-b5a8-0f6c2b7d9e30",
    "revision": 2,
    "deprecated_at": "2026-12-01T09:00:00Z",
    "sunset_at": "2027-03-01T00:00:00Z",
    "held": [{"switch": "kill_switch", "since": "2026-11-20T08:00:00Z", "by": "partner", "reason": "Wrong amounts."}],
}

_ID = OpenApiParameter(
    "action_type_id",
    {"type": "string", "pattern": "^at_[0-9a-f]{32}$"},
    OpenApiParameter.PATH,
    description="An action type's id, `at_` and 32 hex digits.",
)

_OF_PARTNER = Problems(
    "ActionTypeOfPartner",
    403,
    {
        **NO_FULL_ACCESS.examples,
        "action_type_of_partner": FieldError(
            pointer="/description",
            code="action_type_of_partner",
            detail="Only your partner can change this; you can switch the action type off and on.",
        ),
    },
)


_LIMIT_REACHED = Problems(
    "ActionTypeLimitReached",
    403,
    {
        **NO_FULL_ACCESS.examples,
        "action_type_limit_reached": ("Your plan's limit of 100 action types of your own, on or off, is reached."),
    },
)

_RENAMED = Problems(
    "ActionTypeRenamed",
    409,
    {"action_type_renamed": ("An action type keeps its name and provider: register another, and switch this one off.")},
)


_operation = partial(operation, scope=Scope.SETTINGS_WRITE, tag="Action types", parameters=[_ID])

list_action_types = _operation(
    "listActionTypes",
    "List action types",
    "Your own action types and those your partner shares with you, oldest first. A shared one has an "
    "`integration_id`; where its actions are sent is your partner's, and not shown. Where one's integration is "
    "deprecated, the headers `Deprecation` and `Sunset` tell the first of each.",
    parameters=[serializers.ActionTypeListQuerySerializer],
    answers=serializers.ActionTypeListSerializer,
    example={"action_types": [_SHARED, _OWN], "total": 2, "next_cursor": None},
    problems=[INVALID_QUERY],
)

register_action_type = _operation(
    "registerActionType",
    "Register an action type",
    "An action of your own, sent to your webhook. The secret that signs it is in this answer and nowhere else.",
    status=201,
    takes=serializers.ActionTypeRequestSerializer,
    requests={
        "With the flat form": _REQUEST,
        "With a JSON Schema": {**_REQUEST, "name": "send_voucher", "parameters_schema": _SCHEMA},
    },
    parameters=(),
    answers=serializers.RegisteredActionTypeResponseSerializer,
    example={"action_type": {**_OWN, "webhook_secret": "0123456789abcdef" * 4}},
    problems=[
        conflict("action_type_taken", "You have an action type `send_gift_card` of the provider `our-shop` already."),
        _LIMIT_REACHED,
    ],
    links=[
        Link(operation_id, "actionTypeId", "/action_type/id")
        for operation_id in ("getActionType", "changeActionType", "switchActionTypeOff", "rotateActionTypeSecret")
    ],
)

get_action_type = _operation(
    "getActionType",
    "Get an action type",
    "One of your own action types, or of those your partner shares with you. Where its integration is deprecated, the "
    "headers `Deprecation` and `Sunset` tell since when, and when it ends.",
    answers=serializers.ActionTypeResponseSerializer,
    example={"action_type": _OWN},
    problems=[NOT_FOUND],
)

change_action_type = _operation(
    "changeActionType",
    "Change an action type",
    "Replaces the fields that are given; `name` and `provider` may be sent, but never change. Of one that your "
    "partner shares with you, you change `active` alone, and for yourself alone. Actions on their way go by it.",
    takes=serializers.ActionTypeChangeSerializer,
    requests={
        "Another webhook": {"delivery_webhook": "https://hooks.shop.example/cards"},
        "Switch it on again": {"active": True},
    },
    answers=serializers.ActionTypeResponseSerializer,
    example={"action_type": _OWN},
    problems=[NOT_FOUND, _OF_PARTNER, _RENAMED],
)

switch_action_type_off = _operation(
    "switchActionTypeOff",
    "Switch an action type off",
    "Sets `active` to false; one that your partner shares with you, too, for yourself alone. Nothing is sent by it any "
    "more: actions on their way fail as `action_type_inactive`. It stays in the list, and PUT switches it on again.",
    answers=serializers.ActionTypeResponseSerializer,
    example={"action_type": {**_OWN, "active": False}},
    problems=[NOT_FOUND],
)

rotate_secret = _operation(
    "rotateActionTypeSecret",
    "Rotate an action type's webhook secret",
    "Makes a new webhook secret, which is in this answer and nowhere else. For 24 hours, or as many as you say, "
    "requests are signed with the one before it as well.",
    takes=RotateSecretRequestSerializer,
    requests={"With the usual overlap": {}, "At once": {"overlap_hours": 0}},
    answers=RotatedSecretSerializer,
    example={"webhook_secret": "0123456789abcdef" * 4, "previous_secret_until": "2026-04-27T10:00:00Z"},
    problems=[NOT_FOUND, _OF_PARTNER, KEY_IN_USE],
)
