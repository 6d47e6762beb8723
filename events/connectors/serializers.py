"""Answers to vendors' SDKs, for OpenAPI alone."""

from typing import Any

from rest_framework import serializers

from events.serializers import BatchOutcomeSerializer


class ConnectorOutcomeSerializer(BatchOutcomeSerializer):
    skipped = serializers.IntegerField(help_text="Messages that are none of ours.")


class SegmentOutcomeSerializer(ConnectorOutcomeSerializer):
    success = serializers.BooleanField()


class PostHogOutcomeSerializer(ConnectorOutcomeSerializer):
    status = serializers.IntegerField()


class _DroppedSerializer(serializers.Serializer[Any]):
    result = serializers.CharField()
    details = serializers.CharField()


class PostHogAnalyticsOutcomeSerializer(PostHogOutcomeSerializer):
    results = serializers.DictField(
        child=_DroppedSerializer(), help_text="The rejected ones by their `uuid`; all others were taken."
    )


class MixpanelOutcomeSerializer(ConnectorOutcomeSerializer):
    status = serializers.IntegerField(help_text="0 for a message that was sent alone and rejected, else 1.")
    error = serializers.CharField(allow_null=True)


class MixpanelEndpointOutcomeSerializer(MixpanelOutcomeSerializer):
    code = serializers.IntegerField(required=False, help_text="Of `import` alone, as the next.")
    num_records_imported = serializers.IntegerField(required=False)
