"""Usage and alerts on the wire."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from events.models import AlertScope, UsageMetric, UsageUnit
from events.usage.counting import METRICS
from events.usage.reading import UsageCursor, whole_month
from partners.fields import CustomerReferenceField
from retivo.api.pagination import CursorField, LookedAtPageSerializer, PageSerializer
from retivo.api.serializers import ChoiceField, IntegerField, QueryIntegerField, StrictSerializer, StringField

_PERIOD = r"^(?!0000)[0-9]{4}-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?$"


@extend_schema_field({"type": "string", "pattern": _PERIOD})
class PeriodField(serializers.Field[Any, Any, Any, Any]):
    """A month such as 2026-11 or a day such as 2026-11-30, as its first and its last day."""

    default_error_messages = {"invalid": "Must be a month such as 2026-11, or a day such as 2026-11-30."}

    def to_internal_value(self, data: Any) -> tuple[date, date]:
        if not isinstance(data, str) or not re.fullmatch(_PERIOD, data, re.ASCII):
            self.fail("invalid")
        try:
            first = date.fromisoformat(data if len(data) > 7 else f"{data}-01")
            return first, first if len(data) > 7 else whole_month(first)
        except ValueError:
            self.fail("invalid")


_METRIC = f"({'|'.join(METRICS)})"


@extend_schema_field({"type": "string", "pattern": f"^{_METRIC}(,{_METRIC})*$", "example": "active_users,events"})
class MetricsField(StringField):
    default_error_messages = {"unknown_metric": f"Must be a comma-separated list of {', '.join(METRICS)}."}

    def to_internal_value(self, data: Any) -> Any:
        names = super().to_internal_value(data).split(",")
        if not set(names) <= set(METRICS):
            self.fail("unknown_metric")
        return tuple(name for name in METRICS if name in names)


class UsageQuerySerializer(StrictSerializer):
    """Query parameters, all optional."""

    to = PeriodField(required=False, help_text="The last month or day; the present month if it is left out.")
    granularity = ChoiceField(UsageUnit.choices, required=False, default=UsageUnit.MONTH)
    customer_id = CustomerReferenceField(
        required=False, help_text="Of one customer: its tenant id, or `ext:` and your own id of it."
    )
    metrics = MetricsField(required=False, default=lambda: METRICS, help_text="All of them if it is left out.")
    limit = QueryIntegerField(required=False, default=50, min_value=1, max_value=1000, help_text="Of a page of JSON.")
    cursor = CursorField(of=UsageCursor, required=False, help_text="`next_cursor` of the page before, of JSON.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`from` first, which is no name in Python."""
        begins = PeriodField(required=False, help_text="The first month or day; the present month if it is left out.")
        return {"from": begins, **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["granularity"] == UsageUnit.MONTH:  # a day stands for its month
            months = {name: attrs[name][0].replace(day=1) for name in ("from", "to") if name in attrs}
            attrs |= {name: (first, whole_month(first)) for name, first in months.items()}
        if "from" in attrs and "to" in attrs and attrs["from"][0] > attrs["to"][1]:
            raise serializers.ValidationError(
                {"to": [serializers.ErrorDetail("Must not be before `from`.", "invalid_range")]}
            )
        return attrs


class UsageRowSerializer(serializers.Serializer[Any]):
    tenant_id = serializers.UUIDField()
    external_id = serializers.CharField(allow_null=True)
    period = serializers.RegexField(_PERIOD, help_text="The month or the day, in UTC.")
    corrected_on = serializers.DateField(
        allow_null=True,
        help_text="Of a correction: the day on which it was found, after the month was closed. It is to be added.",
    )
    final = serializers.BooleanField(help_text="Whether the numbers will never change any more.")
    counted_at = serializers.DateTimeField(help_text="When they changed last.")
    active_users = serializers.IntegerField(
        required=False,
        help_text="Of a month, distinct users with an event in it; of a day, those of them that had none in the month "
        "before it. So days add up to the month.",
    )
    events = serializers.IntegerField(required=False, help_text="Events taken in.")
    decisions = serializers.IntegerField(required=False, help_text="Decisions in the ledger; a dry run is none.")
    actions_delivered = serializers.IntegerField(required=False, help_text="Actions that arrived at their receiver.")
    outcomes = serializers.IntegerField(required=False, help_text="Actions whose outcome was reported.")
    action_cost_usd = serializers.CharField(
        required=False, help_text="What actions cost that arrived, in the month of their decision."
    )


class UsageListSerializer(LookedAtPageSerializer):
    usage = UsageRowSerializer(many=True)


@extend_schema_field({"type": ["integer", "string"], "description": "US dollars as a string, all else as a number."})
class AmountField(serializers.Field[Any, Any, Any, Any]):
    default_error_messages = {
        "invalid": "Must be a number of at most 12 digits; of dollars, a string with at most 6 more behind the point.",
        "min_value": "Must be above 0.",
    }

    def to_internal_value(self, data: Any) -> Decimal:
        text = str(data) if isinstance(data, str | int) and not isinstance(data, bool) else ""
        if not re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{1,6})?", text, re.ASCII):
            self.fail("invalid")
        if Decimal(text) <= 0:
            self.fail("min_value")
        return Decimal(text)

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field(
    {
        "type": "array",
        "items": {"type": "integer", "minimum": 1, "maximum": 1000},
        "maxItems": 10,
        "uniqueItems": True,
    }
)
class ThresholdsField(serializers.ListField):
    pass


class UsageAlertSerializer(StrictSerializer):
    metric = ChoiceField(UsageMetric.choices)
    thresholds = ThresholdsField(
        child=IntegerField(min_value=1, max_value=1000),
        max_length=10,
        help_text="Per cent of the limit, such as `[75, 90, 100, 120]`; none to hear nothing of the metric.",
    )
    scope = ChoiceField(
        AlertScope.choices, help_text="Whether each customer is watched, or all of them together, with their limits."
    )
    limit = AmountField(
        required=False,
        allow_null=True,
        default=None,
        help_text="What thresholds are shares of, for a month. Without it the limit of the customer's plan: of active "
        "users `tracked_user_limit`, of costs `action_budget_usd`. Thresholds of all other metrics need one.",
    )

    def validate_thresholds(self, value: list[int]) -> list[int]:
        if len(set(value)) < len(value):
            raise serializers.ValidationError("Send each only once.", "repeated")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        limit, metric = attrs["limit"], attrs["metric"]
        if (
            limit is None
            and attrs["thresholds"]
            and metric not in (UsageMetric.ACTIVE_USERS, UsageMetric.ACTION_COST_USD)
        ):
            raise _limit("There is no plan's limit of this metric: say what the thresholds are shares of.", "required")
        if limit is not None and metric != UsageMetric.ACTION_COST_USD and limit != int(limit):
            raise _limit("Must be an integer: it is a number of things.", "not_an_integer")
        return attrs


def _limit(message: str, code: str) -> serializers.ValidationError:
    return serializers.ValidationError({"limit": [serializers.ErrorDetail(message, code)]})


class UsageAlertResponseSerializer(serializers.Serializer[Any]):
    usage_alert = UsageAlertSerializer()


class UsageAlertListSerializer(PageSerializer):
    usage_alerts = UsageAlertSerializer(many=True)
