"""Answers to Segment's SDKs."""

from rest_framework import serializers

from events.connectors.shared.serializers import ConnectorOutcomeSerializer


class SegmentOutcomeSerializer(ConnectorOutcomeSerializer):
    success = serializers.BooleanField()
