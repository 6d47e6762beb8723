"""Serializers that more than one resource of the Partner API uses."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from partners.references import EXTERNAL_ID_RULE, CustomerReference, is_external_id
from retivo.api.pagination import CursorField
from retivo.api.serializers import QueryIntegerField, StrictSerializer, StringField, UUIDField
from tenants.deletion.named import EXTERNAL

_CUSTOMER = r"^(ext:[\s\S]+|[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12})$"


@extend_schema_field({"type": "string", "format": "customer-id", "pattern": _CUSTOMER})
class CustomerReferenceField(StringField):
    """A customer in a query, as in a path: its tenant id, or `ext:` and the partner's own id."""

    default_validators = []

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        if not text.startswith(EXTERNAL):
            tenant_id: UUID = UUIDField().to_internal_value(text)
            return CustomerReference(tenant_id, None)
        external_id = text.removeprefix(EXTERNAL)
        if not is_external_id(external_id):
            raise serializers.ValidationError(EXTERNAL_ID_RULE, code="invalid_external_id")
        return CustomerReference(None, external_id)


class WholeListQuerySerializer(StrictSerializer):
    """Query parameters, all optional: the list is whole where no page is asked for."""

    limit = QueryIntegerField(required=False, min_value=1, max_value=1000, help_text="Without it: everything.")
    cursor = CursorField(required=False, help_text="`next_cursor` of the page before.")


class WarmStartSerializer(serializers.Serializer[Any]):
    warm = serializers.BooleanField(help_text="Whether there is a pattern for any of them.")
    action_types = serializers.IntegerField()
    with_pattern = serializers.IntegerField(help_text="How many of them start from a pattern and not from nothing.")
