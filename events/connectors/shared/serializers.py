"""Answers to vendors' SDKs, for OpenAPI alone."""

from rest_framework import serializers

from events.ingestion.serializers import BatchOutcomeSerializer


class ConnectorOutcomeSerializer(BatchOutcomeSerializer):
    skipped = serializers.IntegerField(help_text="Messages that are none of ours.")
