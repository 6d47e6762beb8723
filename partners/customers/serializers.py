"""The Partner API's requests and answers on the wire."""

from dataclasses import fields
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from events.ingestion.serializers import UsageSerializer
from partners.customers.fields import ExternalIdField, MetadataField, MetadataPatchField
from partners.customers.listing import SORTS, CustomerFilter, Page, Place
from partners.customers.services import DEFAULT_TRACKED_USER_LIMIT
from partners.deletions.serializers import DeletionSerializer
from partners.fields import WarmStartSerializer, WholeListQuerySerializer
from partners.references import EXTERNAL_ID_RULE
from retivo.api.pagination import CursorField, PageSerializer, invalid_cursor
from retivo.api.serializers import (
    BooleanField,
    ChoiceField,
    IntegerField,
    ObjectField,
    StrictSerializer,
    StringField,
    TimestampField,
    pattern,
)
from tenants.access import rate_limit as rate_limits
from tenants.controls.serializers import (
    ControlsRequestSerializer,
    ControlsSerializer,
    SuspensionRequestSerializer,
    SuspensionSerializer,
)
from tenants.deletion.services import GRACE_DAYS, MAX_GRACE_DAYS
from tenants.models import MAX_REQUESTS, MAX_SECONDS, SETTABLE_PLAN_STATUSES, PlanStatus, PlanTier
from tenants.serializers import ApiKeySerializer, EffectiveSerializer

SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
MAX_INTEGER = 2**31 - 1


def slug_field(**more: Any) -> StringField:
    return StringField(
        min_length=2,
        max_length=63,
        validators=[pattern(SLUG, "Must be lowercase letters and digits, with single hyphens between them.")],
        **more,
    )


def limit_field(**more: Any) -> IntegerField:
    return IntegerField(required=False, min_value=0, max_value=MAX_INTEGER, **more)


class CustomerListQuerySerializer(WholeListQuerySerializer):
    """Query parameters, all optional."""

    cursor = CursorField(of=Place, required=False, help_text="`next_cursor` of the page before, in the same order.")
    sort = ChoiceField(list(SORTS), required=False, default="created_at")
    plan_tier = ChoiceField(PlanTier.choices, required=False)
    plan_status = ChoiceField(PlanStatus.choices, required=False)
    slug = StringField(required=False, help_text="Exactly this slug.")
    external_id = StringField(required=False, help_text="Exactly this id of yours.")
    metadata = MetadataField(
        required=False,
        help_text="As `metadata[key]=value`: customers that have this pair, and those of other keys that are sent.",
    )
    created_after = TimestampField(required=False, help_text="Customers that were provisioned later.")
    created_before = TimestampField(required=False, help_text="Customers that were provisioned earlier.")
    q = StringField(required=False, help_text="Part of name, slug or external id, whatever its case.")

    def to_internal_value(self, data: Any) -> Any:
        pairs = {name[9:-1]: value for name, value in data.items() if name.startswith("metadata[") and name[-1] == "]"}
        others = {name: value for name, value in data.items() if not name.startswith("metadata[") or name[-1] != "]"}
        return super().to_internal_value(others | {"metadata": pairs} if pairs else others)

    def validate(self, attrs: Any) -> Any:
        if "cursor" in attrs and attrs["cursor"].sort != attrs["sort"]:
            raise invalid_cursor()
        return attrs

    @property
    def page(self) -> Page:
        asked = self.validated_data
        return Page(sort=asked["sort"], limit=asked.get("limit"), after=asked.get("cursor"))

    @property
    def where(self) -> CustomerFilter:
        names = {each.name for each in fields(CustomerFilter)}
        return CustomerFilter(**{name: value for name, value in self.validated_data.items() if name in names})


class ProvisionRequestSerializer(StrictSerializer):
    name = StringField(max_length=200, help_text="Customer display name.")
    slug = slug_field(help_text="URL-safe identifier, unique among your customers.")
    plan_tier = ChoiceField(PlanTier.choices, required=False, help_text="Your own tier by default.")
    tracked_user_limit = limit_field(default=DEFAULT_TRACKED_USER_LIMIT, help_text="Monthly active users.")
    external_id = ExternalIdField(
        required=False, help_text=f"What you call the customer, unique among yours. {EXTERNAL_ID_RULE}"
    )
    metadata = MetadataField(required=False, default=dict)
    config = ObjectField(
        required=False,
        default=dict,
        help_text="Merged over your own config by JSON Merge Patch (RFC 7396); `learning` is kept as your word.",
    )


class PutCustomerSerializer(ProvisionRequestSerializer):
    """What a customer is made of, or changed by: then all but the name may be left out, and stays as it is."""

    external_id = None  # type: ignore[assignment]  # it is in the path
    slug = slug_field(required=False, help_text="By default made of the name. A customer keeps its slug.")
    tracked_user_limit = limit_field(help_text=f"Monthly active users; {DEFAULT_TRACKED_USER_LIMIT} of a new customer.")
    metadata = MetadataField(required=False, help_text="Takes the place of all that was there.")
    config = ObjectField(
        required=False, help_text="A JSON Merge Patch (RFC 7396), of a new customer's over your own config."
    )


class RateLimitSerializer(StrictSerializer):
    requests = IntegerField(min_value=1, max_value=MAX_REQUESTS)
    seconds = IntegerField(min_value=1, max_value=MAX_SECONDS, help_text="At most a day.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Held to the installation's limit, as `take_permits` does, in case that one is lowered later."""
        most, window = rate_limits.parsed(settings.TENANT_RATE_LIMIT or settings.RATE_LIMIT)
        rule = f"not above the installation's limit, which is {most:,} requests in {window:,} seconds"
        if attrs["requests"] > most:
            detail = f"Must be {rule}: all requests of a window may come at once."
            raise serializers.ValidationError(
                {"requests": serializers.ErrorDetail(detail, "above_installations_burst")}
            )
        if attrs["requests"] * window > most * attrs["seconds"]:
            detail = f"Must be long enough for a rate that is {rule}."
            raise serializers.ValidationError({"seconds": serializers.ErrorDetail(detail, "above_installations_rate")})
        return attrs


class CustomerChangeSerializer(StrictSerializer):
    name = StringField(required=False, max_length=200)
    external_id = ExternalIdField(required=False, allow_null=True, help_text="What you call the customer, or null.")
    metadata = MetadataPatchField(
        required=False, help_text="A JSON Merge Patch (RFC 7396): pairs are merged, `null` removes one."
    )
    plan_tier = ChoiceField(PlanTier.choices, required=False)
    plan_status = ChoiceField(
        SETTABLE_PLAN_STATUSES, required=False, help_text="A suspended customer's keys are refused at once."
    )
    tracked_user_limit = limit_field(help_text="Monthly active users.")
    rate_limit = RateLimitSerializer(
        required=False,
        allow_null=True,
        help_text="Requests with all of the customer's keys together; `null` for the installation's own limit. In "
        "force within ten seconds.",
    )
    config = ObjectField(
        required=False, help_text="A JSON Merge Patch (RFC 7396): objects merge, `null` removes, all else replaces."
    )
    kill_switch_active = BooleanField(required=False, help_text="Short for `controls.kill_switch.active`.")
    shadow_mode = BooleanField(required=False, help_text="Short for `controls.shadow_mode.active`.")
    controls = ControlsRequestSerializer(
        required=False, help_text="What you say of the customer, beside what it says itself. The strictest holds."
    )
    suspension = SuspensionRequestSerializer(
        required=False, allow_null=True, help_text="`null` lifts your suspension, and no other's."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        said = attrs.get("controls", {})
        twice = {
            "kill_switch_active": "kill_switch" in said,
            "shadow_mode": "shadow_mode" in said,
            "plan_status": "suspension" in attrs,
        }
        if found := [name for name, again in twice.items() if again and name in attrs]:
            error = serializers.ErrorDetail(
                "Send this only once: `controls` or `suspension` sets it, too.", "said_twice"
            )
            raise serializers.ValidationError({name: [error] for name in found})
        return attrs


class CustomerSerializer(serializers.Serializer[Any]):
    tenant_id = serializers.UUIDField()
    external_id = serializers.CharField(allow_null=True, help_text="What you call the customer.")
    name = serializers.CharField()
    slug = serializers.CharField()
    plan_tier = serializers.ChoiceField(PlanTier.choices)
    plan_status = serializers.ChoiceField(PlanStatus.choices)
    tracked_user_limit = serializers.IntegerField(min_value=0, max_value=MAX_INTEGER)
    metadata = serializers.DictField(child=serializers.CharField(allow_blank=True))
    delete_at = serializers.DateTimeField(
        allow_null=True, help_text="Set while the customer is being deleted. Until then it can be restored."
    )
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField(help_text="When fields of the customer, or its switches, changed last.")


class CustomerListSerializer(PageSerializer):
    customers = CustomerSerializer(many=True)


class SharedIntegrationSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    provider = serializers.CharField()
    display_name = serializers.CharField()
    domain = serializers.CharField(allow_blank=True)
    active = serializers.BooleanField()
    revision = serializers.IntegerField(help_text="At which the customer is.")
    shared_at = serializers.DateTimeField()


class ActionTypeCountsSerializer(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    active = serializers.IntegerField()


@extend_schema_field({"type": ["number", "string"]})
class DollarsField(serializers.Field[Any, Any, Any, Any]):
    """As they stand in the config."""

    def to_representation(self, value: Any) -> Any:
        return value


class CustomerEffectiveSerializer(EffectiveSerializer):
    """Beside the state, `learning`, and those keys that you set of the config, as they are in force."""

    learning = serializers.ChoiceField(["contribute", "use_only", "off"])
    overage = serializers.ChoiceField(["reject", "allow"], required=False)
    retention_days = serializers.IntegerField(required=False)
    holdout_percent = serializers.FloatField(required=False)
    action_budget_usd = DollarsField(required=False)


class CustomerDetailSerializer(CustomerSerializer):
    tenant_role = serializers.ChoiceField(["customer"])
    kill_switch_active = serializers.BooleanField(help_text="`controls.kill_switch.active`.")
    shadow_mode = serializers.BooleanField(help_text="`controls.shadow_mode.active`.")
    controls = ControlsSerializer(help_text="What you say of the customer, whatever it says itself.")
    suspension = SuspensionSerializer(allow_null=True, help_text="Yours or staff's, the strictest of the two.")
    config = serializers.DictField(
        help_text="What you set of it, when you provisioned the customer and since; not what the customer set."
    )
    effective = CustomerEffectiveSerializer(
        help_text="The state that the customer is in; and what is in force of the config that you set, of the keys "
        "that Retivo acts on, and `learning`: the strictest of the customer's word and of yours."
    )
    rate_limit = RateLimitSerializer(allow_null=True, help_text="What you set of it; null where you set none.")
    usage = UsageSerializer()
    integrations = SharedIntegrationSerializer(many=True)
    api_keys = ApiKeySerializer(many=True)
    action_types = ActionTypeCountsSerializer(help_text="Those of your integrations.")


class CustomerDetailResponseSerializer(serializers.Serializer[Any]):
    customer = CustomerDetailSerializer()


class ProvisionedCustomerSerializer(serializers.Serializer[Any]):
    tenant_id = serializers.UUIDField()
    external_id = serializers.CharField(allow_null=True, help_text="What you call the customer.")
    name = serializers.CharField()
    slug = serializers.CharField()
    plan_tier = serializers.ChoiceField(PlanTier.choices)
    api_key = serializers.CharField(help_text="Returned only once.")


class ChangedCustomerSerializer(CustomerDetailResponseSerializer):
    changed = serializers.ListField(
        child=serializers.CharField(), help_text="The fields that changed, of a config by its members."
    )


class ProvisionResponseSerializer(serializers.Serializer[Any]):
    customer = ProvisionedCustomerSerializer()
    integrations_shared = serializers.IntegerField()
    warm_start = WarmStartSerializer(help_text="Of all action types of the customer that are yours.")


class DeleteRequestSerializer(StrictSerializer):
    """All optional, and so is the body."""

    grace_days = IntegerField(
        required=False,
        default=GRACE_DAYS,
        min_value=0,
        max_value=MAX_GRACE_DAYS,
        help_text="How long the customer can be restored.",
    )
    reason = StringField(
        required=False,
        default="",
        allow_blank=True,
        max_length=500,
        help_text="Kept until the customer is gone, and in no certificate.",
    )
    confirm_token = StringField(
        required=False, max_length=1000, help_text="Of a 409 `fleet_guard`, sent with another key of yours."
    )


class RestoreRequestSerializer(StrictSerializer):
    """Nothing is to be said."""


class CustomerDeletionResponseSerializer(CustomerDetailResponseSerializer):
    deletion = DeletionSerializer()
