"""Answers to PostHog's SDKs."""

from typing import Any

from rest_framework import serializers

from events.connectors.shared.serializers import ConnectorOutcomeSerializer


class PostHogOutcomeSerializer(ConnectorOutcomeSerializer):
    status = serializers.IntegerField()


class _DroppedSerializer(serializers.Serializer[Any]):
    result = serializers.CharField()
    details = serializers.CharField()


class PostHogAnalyticsOutcomeSerializer(PostHogOutcomeSerializer):
    results = serializers.DictField(
        child=_DroppedSerializer(), help_text="The rejected ones by their `uuid`; all others were taken."
    )
