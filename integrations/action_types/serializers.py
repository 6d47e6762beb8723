"""A tenant's action types, as they stand on the wire."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from integrations import holding, webhook_url
from integrations.fields import (
    DESCRIPTION,
    KIND,
    KIND_SOURCE,
    PARAMETERS,
    WEBHOOK,
    CostField,
    ParametersSchemaField,
    WebhookField,
    cost_field,
    domain_field,
    kind_field,
    name_field,
    provider_field,
)
from integrations.models import KindSource
from retivo.api.pagination import PageQuerySerializer, PageSerializer
from retivo.api.serializers import BooleanField, QueryBooleanField, StrictSerializer, StringField
from tenants.serializers import HeldSerializer

# --- A tenant's action types ----------------------------------------------------------------------------------------


class ActionTypeListQuerySerializer(PageQuerySerializer):
    """Query parameters, all optional."""

    provider = StringField(required=False, max_length=63, help_text="Action types of this provider.")
    domain = StringField(required=False, max_length=63, help_text="Action types of this domain.")
    active = QueryBooleanField(required=False, help_text="Those that are on, or those that are off.")


class ActionTypeRequestSerializer(StrictSerializer):
    name = name_field(help_text="snake_case, unique among your action types of the provider.")
    description = StringField(max_length=2000, help_text=DESCRIPTION)
    provider = provider_field(help_text="Who does it: a name of your choice.")
    domain = domain_field()
    parameters_schema = ParametersSchemaField(help_text=PARAMETERS)
    delivery_webhook = WebhookField(max_length=webhook_url.MAX_LENGTH, help_text=WEBHOOK)
    estimated_cost_usd = cost_field()
    kind = kind_field()


class ActionTypeChangeSerializer(ActionTypeRequestSerializer):
    """What is given replaces what was there."""

    active = BooleanField(help_text="Whether it may be chosen and sent.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields: dict[str, serializers.Field[Any, Any, Any, Any]] = super().get_fields()
        for field in fields.values():
            field.required, field.default = False, empty
        return fields


class ActionTypeSerializer(serializers.Serializer[Any]):
    """An action type as its tenant sees it; never with a secret, nor with its partner's webhook."""

    id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    provider = serializers.CharField()
    domain = serializers.CharField(allow_blank=True)
    parameters_schema = serializers.DictField(help_text="JSON Schema 2020-12, also where the flat form was sent.")
    delivery_webhook = serializers.SerializerMethodField(help_text="None where it is your partner's.")
    estimated_cost_usd = CostField(allow_null=True)
    kind = serializers.CharField(source="kind_in_force", allow_null=True, help_text=KIND)
    kind_source = serializers.ChoiceField(KindSource.values, source="kind_found", help_text=KIND_SOURCE)
    integration_id = serializers.UUIDField(allow_null=True, help_text="Of your partner, where it shares this with you.")
    revision = serializers.SerializerMethodField(help_text="Of that integration; null of an own one.")
    withdrawn = serializers.BooleanField(
        source="is_withdrawn", help_text="Your partner offers it no more: nothing is decided by it."
    )
    deprecated_at = serializers.DateTimeField(allow_null=True, help_text="Since when its integration is deprecated.")
    sunset_at = serializers.DateTimeField(allow_null=True, help_text="When your partner ends it.")
    held = serializers.SerializerMethodField(
        help_text="Your partner's switches that are on for it or for its integration: nothing of it is sent."
    )
    active = serializers.BooleanField()
    created_at = serializers.DateTimeField()

    @extend_schema_field(HeldSerializer(many=True))
    def get_held(self, action_type: Any) -> list[dict[str, Any]]:
        held = action_type.held or {}
        found = [*holding.said(held, holding.WHOLE), *holding.said(held, action_type.name)]
        return sorted(found, key=lambda each: str(each["switch"]))

    @extend_schema_field({"type": ["integer", "null"]})
    def get_revision(self, action_type: Any) -> Any:
        return action_type.revision if action_type.is_shared else None

    @extend_schema_field({"type": ["string", "null"]})
    def get_delivery_webhook(self, action_type: Any) -> Any:
        return None if action_type.is_shared else action_type.delivery_webhook


class ActionTypeListSerializer(PageSerializer):
    action_types = ActionTypeSerializer(many=True)


class ActionTypeResponseSerializer(serializers.Serializer[Any]):
    action_type = ActionTypeSerializer()


class RegisteredActionTypeSerializer(ActionTypeSerializer):
    webhook_secret = serializers.CharField(help_text="Signs what is sent to you. 64 hex characters, shown this once.")


class RegisteredActionTypeResponseSerializer(serializers.Serializer[Any]):
    action_type = RegisteredActionTypeSerializer()
