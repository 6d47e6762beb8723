"""A part of a partner's customers, as it is sent."""

from typing import Any

from rest_framework import serializers

from partners.customers.fields import MetadataField
from retivo.api.serializers import ChoiceField, StrictSerializer, StringField
from tenants.models import PlanStatus, PlanTier


class CustomerFilterSerializer(StrictSerializer):
    """At least one member: all of them must hold."""

    bounds = {"minProperties": 1}

    plan_tier = ChoiceField(PlanTier.choices, required=False)
    plan_status = ChoiceField(PlanStatus.choices, required=False)
    slug = StringField(required=False, help_text="Exactly this slug.")
    external_id = StringField(required=False, help_text="Exactly this id of yours.")
    metadata = MetadataField(required=False, help_text="All of these pairs.")
    q = StringField(required=False, help_text="Part of name, slug or external id, whatever its case.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError("Must name at least one member.", code="empty")
        return attrs
