"""A partner's webhooks on the wire."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from delivery.models import WebhookAttempt, WebhookReader
from integrations import webhook_url
from integrations.fields import WebhookField
from partners.events.serializers import event_id_field, known_types
from retivo.api.pagination import PageSerializer
from retivo.api.serializers import BooleanField, PastTimestampField, StrictSerializer, StringField

ALL = "*"


@extend_schema_field(
    {"oneOf": [{"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 100}, {"const": ALL}]}
)
class TypesField(serializers.Field[Any, Any, Any, Any]):
    """A list of event types, or `"*"` for all of them: None within."""

    default_error_messages = {"invalid": 'Must be a list of 1 to 100 event types, or "*".'}

    def to_internal_value(self, data: Any) -> Any:
        if data == ALL:
            return None
        if not isinstance(data, list) or not 1 <= len(data) <= 100 or not all(isinstance(name, str) for name in data):
            self.fail("invalid")
        return known_types(data)

    def get_attribute(self, instance: Any) -> Any:
        return ALL if instance.types is None else instance.types

    def to_representation(self, value: Any) -> Any:
        return value


def _url(**more: Any) -> WebhookField:
    return WebhookField(
        max_length=webhook_url.MAX_LENGTH, help_text="Where events are sent: https, to a public address.", **more
    )


def _description(**more: Any) -> StringField:
    return StringField(required=False, allow_blank=True, max_length=500, help_text="For people.", **more)


class WebhookRequestSerializer(StrictSerializer):
    url = _url()
    types = TypesField(required=False, default=None, help_text='Of the events it gets; `"*"` for all, later ones too.')
    description = _description(default="")
    active = BooleanField(required=False, default=True, help_text="Nothing is sent to one that is off.")


class WebhookChangeSerializer(StrictSerializer):
    url = _url(required=False)
    types = TypesField(required=False)
    description = _description()
    active = BooleanField(required=False)


class WebhookReplaySerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    status = serializers.SerializerMethodField()
    events = serializers.IntegerField(help_text="How many it has put on their way so far.")
    created_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field({"type": "string", "enum": ["running", "completed"]})
    def get_status(self, reader: WebhookReader) -> str:
        return "running" if reader.completed_at is None else "completed"


class WebhookSerializer(serializers.Serializer[Any]):
    """A webhook as it is shown; never with its secret."""

    id = serializers.CharField()
    url = serializers.CharField()
    types = TypesField()
    description = serializers.CharField(allow_blank=True)
    active = serializers.BooleanField()
    disabled_at = serializers.DateTimeField(
        allow_null=True, help_text="Since when it is off because it answered 410; set `active` to use it again."
    )
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class MadeWebhookSerializer(WebhookSerializer):
    webhook_secret = serializers.CharField(help_text="Signs what is sent to you. 64 hex characters, shown this once.")


class WebhookDetailSerializer(WebhookSerializer):
    replay = WebhookReplaySerializer(allow_null=True, help_text="The newest.")


class MadeWebhookResponseSerializer(serializers.Serializer[Any]):
    webhook = MadeWebhookSerializer()


class WebhookResponseSerializer(serializers.Serializer[Any]):
    webhook = WebhookSerializer()


class WebhookDetailResponseSerializer(serializers.Serializer[Any]):
    webhook = WebhookDetailSerializer()


class WebhookListSerializer(PageSerializer):
    webhooks = WebhookSerializer(many=True)


class DeletedSerializer(serializers.Serializer[Any]):
    deleted = serializers.BooleanField()


class TestRequestSerializer(StrictSerializer):
    pass


class TestResponseSerializer(serializers.Serializer[Any]):
    event_id = serializers.CharField(help_text="Of the `webhook.tested` that is on its way; see the attempts.")


class ReplayRequestSerializer(StrictSerializer):
    bounds = {"oneOf": [{"required": ["after"]}, {"required": ["since"]}]}

    after = event_id_field(required=False, help_text="The id of an event: those behind it.")
    since = PastTimestampField(required=False, help_text="Those from this time on.")
    types = TypesField(required=False, default=None, help_text="Of the types that the webhook gets, only these.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("after" in attrs) == ("since" in attrs):
            message = "Send either `after` or `since`."
            raise serializers.ValidationError({"after": [serializers.ErrorDetail(message, "after_or_since")]})
        return attrs


class WebhookReplayResponseSerializer(serializers.Serializer[Any]):
    replay = WebhookReplaySerializer()


class WebhookAttemptSerializer(serializers.Serializer[Any]):
    event_id = serializers.CharField()
    number = serializers.IntegerField()
    started_at = serializers.DateTimeField()
    latency_ms = serializers.IntegerField()
    status_code = serializers.IntegerField(allow_null=True)
    error = serializers.SerializerMethodField(help_text="Why there is no status, such as `timeout`.")
    response = serializers.CharField(allow_blank=True, help_text="The answer's first KiB.")

    @extend_schema_field({"type": ["string", "null"]})
    def get_error(self, attempt: WebhookAttempt) -> str | None:
        return attempt.error or None


class AttemptListSerializer(PageSerializer):
    attempts = WebhookAttemptSerializer(many=True)
    total_is_exact = serializers.BooleanField(help_text="False where there are more than 10,000.")
