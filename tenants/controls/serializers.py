"""What a layer says of a tenant, on the wire."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from retivo.api.serializers import BooleanField, ChoiceField, StrictSerializer, StringField
from tenants import config
from tenants.models import MAX_REASON, Layer, SuspensionMode
from tenants.serializers import SwitchRequestSerializer


def reason_field() -> StringField:
    return StringField(
        required=False, allow_blank=True, max_length=MAX_REASON, help_text="Shown wherever the state is."
    )


class _ConfigField(serializers.Field[Any, Any, Any, Any]):
    """A value of a key of the config, under the rules of that key."""

    key: str

    def to_internal_value(self, data: Any) -> Any:
        if found := config.faults({self.key: data}):
            raise serializers.ValidationError(found[0]["detail"], code=found[0]["code"])
        return data

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field({"oneOf": [{"type": "number", "minimum": 0}, {"type": "string"}]})
class AmountField(_ConfigField):
    """US dollars, as a number or as text."""

    key = "action_budget_usd"


@extend_schema_field({"type": "number", "minimum": 0, "maximum": 50})
class PercentField(_ConfigField):
    key = "holdout_percent"


class BudgetControlRequestSerializer(StrictSerializer):
    value = AmountField(required=False, help_text="Set in the config, as `config` would.")
    max = AmountField(required=False, allow_null=True, help_text="The most that the config may say; `null`: no bound.")
    locked = BooleanField(required=False, help_text="The customer cannot change it.")


class HoldoutControlRequestSerializer(StrictSerializer):
    value = PercentField(required=False, help_text="Set in the config, as `config` would.")
    min = PercentField(required=False, allow_null=True, help_text="The least that the config may say; `null`: none.")
    locked = BooleanField(required=False, help_text="The customer cannot change it.")


class ControlsRequestSerializer(StrictSerializer):
    """What is not there stays as it is; `null` takes bounds and locks away."""

    kill_switch = SwitchRequestSerializer(required=False)
    shadow_mode = SwitchRequestSerializer(required=False)
    action_budget_usd = BudgetControlRequestSerializer(required=False, allow_null=True)
    holdout_percent = HoldoutControlRequestSerializer(required=False, allow_null=True)


class SuspensionRequestSerializer(StrictSerializer):
    mode = ChoiceField(
        SuspensionMode.choices,
        help_text="`hold`: events are taken and metered, decisions are logged, nothing is sent. `full`: keys are "
        "refused, too.",
    )
    reason = reason_field()


class SwitchSerializer(serializers.Serializer[Any]):
    active = serializers.BooleanField()
    reason = serializers.CharField(allow_null=True)
    since = serializers.DateTimeField(allow_null=True)


class BudgetControlSerializer(serializers.Serializer[Any]):
    max = serializers.CharField(allow_null=True)
    locked = serializers.BooleanField()


class HoldoutControlSerializer(serializers.Serializer[Any]):
    min = serializers.FloatField(allow_null=True)
    locked = serializers.BooleanField()


class ControlsSerializer(serializers.Serializer[Any]):
    kill_switch = SwitchSerializer()
    shadow_mode = SwitchSerializer()
    action_budget_usd = BudgetControlSerializer()
    holdout_percent = HoldoutControlSerializer()


class SuspensionSerializer(serializers.Serializer[Any]):
    mode = serializers.ChoiceField(SuspensionMode.choices)
    reason = serializers.CharField(allow_null=True)
    by = serializers.ChoiceField(Layer.choices, help_text="`partner` or `staff`.")
    since = serializers.DateTimeField()
