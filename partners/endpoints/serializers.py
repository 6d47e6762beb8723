"""A partner's endpoints on the wire."""

from typing import Any

from rest_framework import serializers

from delivery.models import CertificationStatus, DisabledBecause, EndpointStatus, RecoveryStatus
from retivo.api.pagination import CursorField, LookedAtPageSerializer, PageQuerySerializer
from retivo.api.serializers import (
    BooleanField,
    ChoiceField,
    PastTimestampField,
    StrictSerializer,
    TimestampField,
    UUIDField,
)


class EndpointListQuerySerializer(PageQuerySerializer):
    cursor = CursorField(required=False, help_text="`next_cursor` of the page before.")
    status = ChoiceField(EndpointStatus.choices, required=False, help_text="Only those with this status.")


class LastFailureSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    status_code = serializers.IntegerField(allow_null=True)
    error = serializers.CharField(allow_null=True, help_text="Why there was no status, such as `timeout`.")


class LatencySerializer(serializers.Serializer[Any]):
    p50 = serializers.IntegerField()
    p95 = serializers.IntegerField()


class EndpointSerializer(serializers.Serializer[Any]):
    """An address of your integrations, and how it is. Counts alone, nothing of customers' users."""

    id = serializers.UUIDField()
    url = serializers.CharField()
    integration_ids = serializers.ListField(child=serializers.UUIDField(), help_text="Of those that send there.")
    status = serializers.ChoiceField(EndpointStatus.choices)
    since = serializers.DateTimeField(help_text="Since when it has had this status.")
    disabled_because = serializers.ChoiceField(DisabledBecause.choices, allow_null=True)
    last_success_at = serializers.DateTimeField(allow_null=True)
    last_failure = LastFailureSerializer(allow_null=True)
    latency_ms = LatencySerializer(allow_null=True, help_text="Of its last 100 answers.")
    waiting = serializers.IntegerField(help_text="Actions that wait to be sent there; counted once a minute.")
    failed_24h = serializers.IntegerField(
        help_text="How often actions failed there within the last 24 hours. One that was recovered and failed again "
        "counts again."
    )
    customers_affected = serializers.IntegerField(
        help_text="Customers with actions that wait to be sent there, or that failed there and can be recovered; "
        "counted once a minute."
    )
    certified_at = serializers.DateTimeField(
        allow_null=True,
        help_text="Since when it has been certified for all integrations that send there, with the secrets of today.",
    )


class RecoverySerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    status = serializers.ChoiceField(RecoveryStatus.choices)
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True)
    actions = serializers.IntegerField(help_text="That could be sent again when it was asked for.")
    customers = serializers.IntegerField(help_text="Whose those were.")
    replayed = serializers.IntegerField(help_text="Actions that are on their way again so far.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class EndpointCheckSerializer(serializers.Serializer[Any]):
    check = serializers.CharField()
    passed = serializers.BooleanField()
    saw = serializers.CharField(help_text="What each probe was answered: a status, or why there is none.")
    why = serializers.CharField(allow_null=True, help_text="What is wanted, where it did not pass.")


class CertificationSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    integration_id = serializers.UUIDField(help_text="Whose secret signs the probes.")
    status = serializers.ChoiceField(CertificationStatus.choices)
    report = EndpointCheckSerializer(many=True, help_text="The checks that are done so far.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class EndpointDetailSerializer(EndpointSerializer):
    recovery = RecoverySerializer(allow_null=True, help_text="The newest.")
    certifications = CertificationSerializer(many=True, help_text="The newest for each integration.")


class EndpointListSerializer(LookedAtPageSerializer):
    endpoints = EndpointSerializer(many=True)


class EndpointResponseSerializer(serializers.Serializer[Any]):
    endpoint = EndpointDetailSerializer()


class EnableRequestSerializer(StrictSerializer):
    pass


class RecoverRequestSerializer(StrictSerializer):
    since = PastTimestampField(help_text="Actions that were dispatched from then on.")
    until = TimestampField(required=False, help_text="And before then; without it, all since.")
    dry_run = BooleanField(required=False, default=False, help_text="Count them and do nothing.")


class RecoveryResponseSerializer(serializers.Serializer[Any]):
    recovery = RecoverySerializer()


class RecoveryDryRunSerializer(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True)
    actions = serializers.IntegerField(help_text="How many would be sent again.")
    customers = serializers.IntegerField(help_text="Whose those are.")


class RecoveryDryRunResponseSerializer(serializers.Serializer[Any]):
    dry_run = RecoveryDryRunSerializer()


class CertifyRequestSerializer(StrictSerializer):
    integration_id = UUIDField(
        required=False, help_text="Whose secret signs; needed where several integrations send there."
    )


class CertificationResponseSerializer(serializers.Serializer[Any]):
    certification = CertificationSerializer()
