"""A partner's switches on the wire."""

from typing import Any

from rest_framework import serializers

from partners.customers.filters import CustomerFilterSerializer
from retivo.api.serializers import StrictSerializer, StringField, UUIDField
from tenants.controls.serializers import SwitchSerializer
from tenants.serializers import SwitchRequestSerializer


class OnlySerializer(StrictSerializer):
    """Exactly one member."""

    bounds = {"minProperties": 1, "maxProperties": 1}

    integration_id = UUIDField(required=False, help_text="All actions of this integration, of later revisions too.")
    action_type = StringField(
        required=False,
        max_length=100,
        help_text="All actions of this name, of any integration and revision, later ones too.",
    )
    filter = CustomerFilterSerializer(required=False, help_text="Each customer that matches now, and no later one.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            message = "Must have exactly one of: integration_id, action_type, filter."
            raise serializers.ValidationError(message, code="not_one")
        return attrs


class FleetSwitchRequestSerializer(SwitchRequestSerializer):
    only = OnlySerializer(required=False, help_text="A part; without it all customers, of today and of tomorrow.")


class PartSerializer(serializers.Serializer[Any]):
    integration_id = serializers.UUIDField(
        allow_null=True, help_text="null: no integration has the action type any more; one that comes later is held."
    )
    provider = serializers.CharField(allow_null=True)
    action_type = serializers.CharField(allow_null=True, help_text="null: all of the integration.")
    reason = serializers.CharField(allow_null=True)
    since = serializers.DateTimeField()


class FleetSwitchSerializer(SwitchSerializer):
    """For all customers; what is on for a part alone is in `parts`, or in `controls` of each customer."""

    parts = PartSerializer(many=True)


class TurnedSwitchSerializer(FleetSwitchSerializer):
    customers_changed = serializers.IntegerField(
        allow_null=True, help_text="For how many a filter turned it; null without a filter."
    )


class KillSwitchSerializer(serializers.Serializer[Any]):
    kill_switch = FleetSwitchSerializer()


class TurnedKillSwitchSerializer(serializers.Serializer[Any]):
    kill_switch = TurnedSwitchSerializer()


class ShadowModeSerializer(serializers.Serializer[Any]):
    shadow_mode = FleetSwitchSerializer()


class TurnedShadowModeSerializer(serializers.Serializer[Any]):
    shadow_mode = TurnedSwitchSerializer()
