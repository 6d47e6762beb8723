"""The audit trail on the wire."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from retivo.api.pagination import CursorField, LookedAtPageSerializer, PageQuerySerializer
from retivo.api.serializers import StringField, TimestampField
from tenants.audit.services import AuditFilter, NumberCursor

ACTOR_TYPES = ["api_key", "client_token", "staff", "system"]
_NAMELESS = ("staff", "system")
_OTHERS = ("api_key:", "client_token:")


_ACTOR = r"^(staff|system|(api_key|client_token):[\s\S]+|[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12})$"


@extend_schema_field({"type": "string", "pattern": _ACTOR})
class ActorField(StringField):
    """`staff` or `system`; an API key by its id, or by `api_key:` and its id; a client token by `client_token:…`."""

    default_error_messages = {"unknown_actor": "Must be `staff`, `system`, the id of an API key, or `client_token:…`."}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if text in _NAMELESS or text.startswith(_OTHERS):
            return text
        try:
            return f"api_key:{UUID(text)}"
        except ValueError:
            self.fail("unknown_actor")


class AuditQuerySerializer(PageQuerySerializer):
    """Query parameters, all optional. An export takes no `limit` and no `cursor`."""

    cursor = CursorField(of=NumberCursor, required=False, help_text="`next_cursor` of the page before.")
    actor = ActorField(
        required=False, max_length=200, help_text="What `staff`, `system`, or the API key with this id did."
    )
    action = StringField(required=False, max_length=64, help_text="One action, such as `customer.suspended`.")
    since = TimestampField(required=False, help_text="Those at this time or later.")
    until = TimestampField(required=False, help_text="Those before this time.")
    q = StringField(
        required=False,
        max_length=200,
        help_text="Those that have this in their action, target, actor or changes, in any case.",
    )

    @property
    def where(self) -> AuditFilter:
        return AuditFilter(**{name: self.validated_data.get(name) for name in AuditFilter.__dataclass_fields__})

    @property
    def page(self) -> dict[str, Any]:
        return {"limit": self.validated_data["limit"], "after": self.validated_data.get("cursor")}


class AuditActorSerializer(serializers.Serializer[Any]):
    type = serializers.ChoiceField(choices=ACTOR_TYPES)
    id = serializers.CharField(allow_null=True, help_text="Of an API key or a client token.")
    label = serializers.CharField(  # type: ignore[assignment]  # a field of that name
        allow_null=True, help_text="Of an API key of yours, as it is now."
    )


class AuditTargetSerializer(serializers.Serializer[Any]):
    type = serializers.CharField()
    id = serializers.CharField()


class AuditCustomerSerializer(serializers.Serializer[Any]):
    tenant_id = serializers.UUIDField()
    external_id = serializers.CharField(allow_null=True, help_text="As it is now.")


@extend_schema_field({"$ref": "#/components/schemas/JsonValue"})
class AnyValueField(serializers.JSONField):
    """Any JSON value."""


class AuditChangeSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    to = AnyValueField(help_text="Null where there is none any more.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """With `from`, which is no name in Python."""
        fields: dict[str, serializers.Field[Any, Any, Any, Any]] = super().get_fields()
        return {"field": fields["field"], "from": AnyValueField(help_text="Null where there was none."), **fields}


class AuditEntrySerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    seq = serializers.IntegerField(
        help_text="Counts the entries of a partner and its customers without gaps, in the order of their commits."
    )
    created_at = serializers.DateTimeField()
    actor = AuditActorSerializer()
    action = serializers.CharField()
    target = AuditTargetSerializer(allow_null=True, help_text="Null where it is the tenant itself.")
    customer = AuditCustomerSerializer(allow_null=True, help_text="Null where it is no customer that was changed.")
    changes = AuditChangeSerializer(many=True)
    request_id = serializers.CharField(allow_null=True)
    ip = serializers.CharField(allow_null=True, help_text="The caller's; null of staff and workers.")
    redacted = serializers.BooleanField(
        help_text="Whether the customer was deleted, and `changes` and `ip` with it: they are empty then."
    )
    content_salt = serializers.CharField(
        allow_null=True, help_text="Random, 16 bytes in hex. Null where `redacted`, and of entries of earlier releases."
    )
    content_sha256 = serializers.CharField(
        help_text="Of `changes` and `ip` as they were written, and of `content_salt` where there was one."
    )
    previous_hash = serializers.CharField(help_text="The `hash` of the entry before, in hex.")
    hash = serializers.CharField(help_text="SHA-256 of `previous_hash` and of the entry, in hex.")


class AuditListSerializer(LookedAtPageSerializer):
    entries = AuditEntrySerializer(many=True)


class CheckpointQuerySerializer(PageQuerySerializer):
    """Query parameters, all optional."""

    cursor = CursorField(of=NumberCursor, required=False, help_text="`next_cursor` of the page before.")


class AuditCheckpointSerializer(serializers.Serializer[Any]):
    day = serializers.DateField()
    signed_at = serializers.DateTimeField()
    seq = serializers.IntegerField(help_text="Of the newest entry then.")
    hash = serializers.CharField(help_text="Of that entry.")
    jws = serializers.CharField(help_text="All of this, signed by a key of `/api/.well-known/retivo-keys`.")


class AuditCheckpointListSerializer(LookedAtPageSerializer):
    checkpoints = AuditCheckpointSerializer(many=True)
