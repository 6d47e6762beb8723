"""A tenant and its keys on the wire, as it sees itself."""

from typing import Any

from rest_framework import serializers

from retivo.api.serializers import BooleanField, ObjectField, StrictSerializer, StringField
from tenants.models import MAX_REASON, KeyMode, KeyStatus, Layer, PlanStatus, PlanTier, RevokedReason, Scope

# As the database's function controls_in_force names them.
BECAUSE = (
    "tenant_deleting",
    "suspended_by_staff",
    "partner_suspended",
    "tenant_suspended",
    *(f"{whose}{switch}" for switch in ("kill_switch", "shadow_mode") for whose in ("staff_", "partner_", "")),
)


class CreatedBySerializer(serializers.Serializer[Any]):
    type = serializers.ChoiceField(["api_key", "staff"])
    id = serializers.UUIDField(allow_null=True, help_text="Of the key that issued it.")


class ApiKeySerializer(serializers.Serializer[Any]):
    """A key, as `tenants.api_keys.queries` shows it; its text is not known to us."""

    id = serializers.UUIDField()
    prefix = serializers.CharField()
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]  # a field of this name
    mode = serializers.ChoiceField(KeyMode.choices)
    status = serializers.ChoiceField(
        KeyStatus.choices,
        help_text="`expiring`: it was rotated, and is let in until `expires_at`.",
    )
    scope = serializers.CharField(help_text="`scopes` as one text, with spaces between them.")
    scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices))
    allowed_cidrs = serializers.ListField(
        child=serializers.CharField(), allow_null=True, help_text="Where it may be used from; null: from anywhere."
    )
    created_by = CreatedBySerializer(allow_null=True, help_text="Null of keys that earlier releases issued.")
    last_used_at = serializers.DateTimeField(
        allow_null=True, help_text="When it was last let in, to the minute. Attempts that were refused do not count."
    )
    last_used_ip_prefix = serializers.CharField(
        allow_null=True, help_text="The network that use came from: the first 24 bits of an IPv4 address, 48 of IPv6."
    )
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    revoked_reason = serializers.ChoiceField(
        RevokedReason.choices,
        allow_null=True,
        help_text="`leaked`: somebody found the key in a public place and reported it.",
    )
    created_at = serializers.DateTimeField()
    replaces = serializers.UUIDField(allow_null=True, help_text="The key that it was rotated from.")
    replaced_by = serializers.UUIDField(allow_null=True, help_text="Its successor, once it was rotated.")


class TenantSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    config = serializers.DictField()
    plan_tier = serializers.ChoiceField(PlanTier.choices)
    plan_status = serializers.ChoiceField(PlanStatus.choices)
    tracked_user_limit = serializers.IntegerField(help_text="Monthly active users.")
    kill_switch_active = serializers.BooleanField(
        help_text="No action is sent, because the tenant, its partner or staff say so of it."
    )
    shadow_mode = serializers.BooleanField(
        help_text="Decisions are made and logged, nothing is sent, because one of them says so."
    )
    created_at = serializers.DateTimeField()


SWITCHES = ["kill_switch", "shadow_mode"]


class HeldSerializer(serializers.Serializer[Any]):
    """A switch of the partner's that is on for an integration, or for an action type."""

    switch = serializers.ChoiceField(SWITCHES)
    since = serializers.DateTimeField()
    by = serializers.ChoiceField(Layer.choices, help_text="`partner`.")
    reason = serializers.CharField(allow_null=True)


class HeldPartSerializer(HeldSerializer):
    integration_id = serializers.UUIDField()
    provider = serializers.CharField()
    action_type = serializers.CharField(allow_null=True, help_text="null: all of the integration.")


class EffectiveSerializer(serializers.Serializer[Any]):
    """The state that follows from what the tenant, its partner and staff say. The strictest holds."""

    sending = serializers.ChoiceField(["on", "held"], help_text="`held`: what is decided waits, nothing is sent.")
    ingesting = serializers.ChoiceField(["on", "off"], help_text="`off`: keys are refused.")
    because = serializers.ListField(
        child=serializers.ChoiceField(BECAUSE), help_text="All reasons, the strictest first; empty where all is on."
    )
    since = serializers.DateTimeField(allow_null=True, help_text="Of the first reason, as are `by` and `reason`.")
    by = serializers.ChoiceField(Layer.choices, allow_null=True)
    reason = serializers.CharField(allow_null=True, help_text="What was said when it was set, if anything.")
    parts = HeldPartSerializer(
        many=True,
        help_text="What the partner holds beside that: integrations and action types that this tenant has, the kill "
        "switch first. Nothing of them is sent, even where `sending` is `on`.",
    )


class TenantResponseSerializer(serializers.Serializer[Any]):
    tenant = TenantSerializer()
    effective = EffectiveSerializer()


class SettingsRequestSerializer(StrictSerializer):
    name = StringField(required=False, max_length=200)
    config = ObjectField(
        required=False, help_text="A JSON Merge Patch (RFC 7396): objects merge, `null` removes, all else replaces."
    )


class SwitchRequestSerializer(StrictSerializer):
    active = BooleanField()
    reason = StringField(
        required=False, allow_blank=True, max_length=MAX_REASON, help_text="Shown wherever the state is."
    )
