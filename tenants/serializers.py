"""A tenant and its keys on the wire, as it sees itself."""

from typing import Any

from rest_framework import serializers

from retivo.api.serializers import BooleanField, ObjectField, StrictSerializer, StringField
from tenants.models import ApiKey, PlanStatus, PlanTier, RevokedReason, Scope


class ApiKeySerializer(serializers.Serializer[Any]):
    """A key; its text is not known to us."""

    id = serializers.UUIDField()
    prefix = serializers.CharField()
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]  # a field of this name
    scope = serializers.SerializerMethodField(help_text="`scopes` as one text, with spaces between them.")
    scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices))
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="To the minute.")
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    revoked_reason = serializers.ChoiceField(
        RevokedReason.choices,
        allow_null=True,
        help_text="`leaked`: somebody found the key in a public place and reported it.",
    )
    created_at = serializers.DateTimeField()

    def get_scope(self, key: ApiKey) -> str:
        return " ".join(key.scopes)


class TenantSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    slug = serializers.CharField()
    config = serializers.DictField()
    plan_tier = serializers.ChoiceField(PlanTier.choices)
    plan_status = serializers.ChoiceField(PlanStatus.choices)
    tracked_user_limit = serializers.IntegerField(help_text="Monthly active users.")
    kill_switch_active = serializers.BooleanField(help_text="No action is sent.")
    shadow_mode = serializers.BooleanField(help_text="Decisions are made and logged, nothing is sent.")
    created_at = serializers.DateTimeField()


class TenantResponseSerializer(serializers.Serializer[Any]):
    tenant = TenantSerializer()


class SettingsRequestSerializer(StrictSerializer):
    name = StringField(required=False, max_length=200)
    config = ObjectField(
        required=False, help_text="A JSON Merge Patch (RFC 7396): objects merge, `null` removes, all else replaces."
    )


class SwitchRequestSerializer(StrictSerializer):
    active = BooleanField()
