"""The Partner API's integrations on the wire."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from integrations.fields import KindField, WebhookField
from integrations.revisions.services import origin_of
from integrations.serializers import IntegrationSerializer, RegisteredIntegrationSerializer
from partners.fields import WarmStartSerializer
from partners.revisions.serializers import MAX_NUMBER
from retivo.api.pagination import CursorField, LookedAtPageSerializer, PageQuerySerializer, PageSerializer
from retivo.api.serializers import (
    BooleanField,
    ChoiceField,
    QueryBooleanField,
    QueryIntegerField,
    StrictSerializer,
    StringField,
    TimestampField,
    UUIDField,
)

MIN_NOTICE = timedelta(days=21)


@extend_schema_field({"type": "boolean", "const": True})
class TrueField(BooleanField):
    pass


class ShareRequestSerializer(StrictSerializer):
    """Exactly one member."""

    bounds = {"minProperties": 1, "maxProperties": 1}

    customer_tenant_id = UUIDField(required=False, help_text="One customer, at once.")
    all = TrueField(required=False, help_text="`true`: all customers that have it not, by a job.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            error = serializers.ErrorDetail("Send either this field or `all`.", "required")
            raise serializers.ValidationError({"customer_tenant_id": [error]})
        if len(attrs) != 1:
            message = "Must have exactly one of: customer_tenant_id, all."
            raise serializers.ValidationError(message, code="not_one")
        if attrs.get("all") is False:
            error = serializers.ErrorDetail("Must be `true` if you send it.", "invalid")
            raise serializers.ValidationError({"all": [error]})
        return attrs


class UnshareRequestSerializer(StrictSerializer):
    actions = ChoiceField(
        ["finish", "cancel"], required=False, default="finish", help_text="What becomes of those that are queued."
    )


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {"oneOf": [{"$ref": "#/components/schemas/ActionKind"}, {"type": "null"}]},
    }
)
class KindsField(serializers.DictField):
    """Name → kind, or null."""

    child = KindField(allow_null=True)


class IntegrationChangeSerializer(StrictSerializer):
    display_name = StringField(required=False, max_length=200, help_text="Name shown to customers.")
    active = BooleanField(required=False, help_text="While it is off, nothing of it is decided or sent.")
    require_certification = BooleanField(
        required=False, help_text="Shared once all of its endpoints are certified, and not before."
    )
    kinds = KindsField(required=False, help_text="Kinds of its action types, by name: in force at once, for all.")


_ORIGIN = {"type": "string", "format": "origin", "pattern": r"^https?://[^/?#\s]+/?$"}


@extend_schema_field(_ORIGIN)
class OriginField(WebhookField):
    """Scheme, host and perhaps a port: `https://hooks.example.com`."""

    default_error_messages = {"not_an_origin": "Must be an origin: scheme, host and perhaps a port, without a path."}

    def to_internal_value(self, data: Any) -> str:
        url = super().to_internal_value(data)
        parts = urlsplit(url)
        if parts.path not in ("", "/") or "?" in url or "#" in url:
            self.fail("not_an_origin")
        return origin_of(url)


@extend_schema_field(_ORIGIN)
class AnyOriginField(StringField):
    """Also one that nothing may be sent to any more."""


class WebhooksChangeSerializer(StrictSerializer):
    bounds = {"required": ["from_origin", "to_origin"]}

    from_origin = AnyOriginField(
        max_length=2000, help_text="Where actions are sent now, e.g. `https://hooks.acme.example`."
    )
    to_origin = OriginField(max_length=2000, help_text="Where they are to be sent; path and query stay as they are.")

    def validate_from_origin(self, value: str) -> str:
        try:
            origin, parts = origin_of(value), urlsplit(value)
        except ValueError as error:
            raise serializers.ValidationError("Must be an origin.", code="invalid_url") from error
        if parts.path not in ("", "/") or "?" in value or "#" in value:
            raise serializers.ValidationError(OriginField.default_error_messages["not_an_origin"], "not_an_origin")
        return origin

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["from_origin"] == attrs["to_origin"]:
            message = "Must be another origin than `from_origin`."
            raise serializers.ValidationError({"to_origin": [serializers.ErrorDetail(message, "same_origin")]})
        return attrs


class ChangedWebhooksSerializer(serializers.Serializer[Any]):
    from_origin = serializers.CharField()
    to_origin = serializers.CharField()
    action_types = serializers.ListField(child=serializers.CharField(), help_text="That were sent there.")


class ChangedWebhooksResponseSerializer(serializers.Serializer[Any]):
    webhooks = ChangedWebhooksSerializer()


class DeprecateRequestSerializer(StrictSerializer):
    sunset_at = TimestampField(
        allow_null=True, help_text="When it ends: at least 21 days ahead. `null` takes the deprecation back."
    )

    def validate_sunset_at(self, value: Any) -> Any:
        if value is not None and value < timezone.now() + MIN_NOTICE:
            raise serializers.ValidationError("Must be at least 21 days ahead.", code="too_soon")
        return value


class IntegrationListSerializer(PageSerializer):
    integrations = IntegrationSerializer(many=True)
    total = serializers.IntegerField(help_text="How many there are, on all pages.")


class IntegrationResponseSerializer(serializers.Serializer[Any]):
    integration = IntegrationSerializer()


class RegisterResponseSerializer(serializers.Serializer[Any]):
    integration = RegisteredIntegrationSerializer()


class DeletedIntegrationSerializer(serializers.Serializer[Any]):
    deleted = serializers.BooleanField()


class ShareResponseSerializer(serializers.Serializer[Any]):
    shared = serializers.BooleanField()
    action_types_registered = serializers.IntegerField(
        help_text="How many of the integration's action types now stand in the customer's tenant."
    )
    warm_start = WarmStartSerializer(help_text="Of these action types.")


class SharingSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    status = serializers.SerializerMethodField()
    customers = serializers.IntegerField(source="total", help_text="That had it not when it was asked.")
    shared = serializers.IntegerField(help_text="With how many it is shared so far.")
    left = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field({"type": "string", "enum": ["running", "completed"]})
    def get_status(self, sharing: Any) -> str:
        return str(sharing.status)

    @extend_schema_field({"type": "integer"})
    def get_left(self, sharing: Any) -> int:
        return 0 if sharing.finished_at else max(0, int(sharing.total) - int(sharing.shared))


class SharingResponseSerializer(serializers.Serializer[Any]):
    sharing = SharingSerializer()


class UnsharedSerializer(serializers.Serializer[Any]):
    shared = serializers.BooleanField()
    actions_cancelled = serializers.IntegerField(help_text="That were queued; what is being sent is not called back.")


class HavingListQuerySerializer(PageQuerySerializer):
    """Query parameters, all optional."""

    cursor = CursorField(required=False, help_text="`next_cursor` of the page before.")
    revision = QueryIntegerField(required=False, min_value=1, max_value=MAX_NUMBER, help_text="Those at this one.")
    drift = QueryBooleanField(
        required=False,
        help_text="`true`: those at another revision than new customers get, or that switched an action type off or "
        "shadow it by an own one; `false`: all others.",
    )


class HavingSerializer(serializers.Serializer[Any]):
    tenant_id = serializers.UUIDField()
    external_id = serializers.CharField(allow_null=True)
    name = serializers.CharField()
    revision = serializers.IntegerField()
    shared_at = serializers.DateTimeField()
    switched_off = serializers.ListField(child=serializers.CharField(), help_text="Action types it switched off.")
    shadowed = serializers.ListField(
        child=serializers.CharField(), help_text="Action types in whose place it has an own one of that name."
    )


class HavingListSerializer(LookedAtPageSerializer):
    customers = HavingSerializer(many=True)
