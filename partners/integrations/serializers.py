"""The Partner API's integrations on the wire."""

from typing import Any

from rest_framework import serializers

from integrations.serializers import IntegrationSerializer, RegisteredIntegrationSerializer
from partners.fields import WarmStartSerializer
from retivo.api.pagination import PageSerializer
from retivo.api.serializers import StrictSerializer, UUIDField


class ShareRequestSerializer(StrictSerializer):
    customer_tenant_id = UUIDField()


class IntegrationListSerializer(PageSerializer):
    integrations = IntegrationSerializer(many=True)
    total = serializers.IntegerField(help_text="How many there are, on all pages.")


class RegisterResponseSerializer(serializers.Serializer[Any]):
    integration = RegisteredIntegrationSerializer()


class ShareResponseSerializer(serializers.Serializer[Any]):
    shared = serializers.BooleanField()
    action_types_registered = serializers.IntegerField(
        help_text="How many of the integration's action types now stand in the customer's tenant."
    )
    warm_start = WarmStartSerializer(help_text="Of these action types.")
