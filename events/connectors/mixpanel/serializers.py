"""Answers to Mixpanel's SDKs."""

from rest_framework import serializers

from events.connectors.shared.serializers import ConnectorOutcomeSerializer


class MixpanelOutcomeSerializer(ConnectorOutcomeSerializer):
    status = serializers.IntegerField(help_text="0 for a message that was sent alone and rejected, else 1.")
    error = serializers.CharField(allow_null=True)


class MixpanelEndpointOutcomeSerializer(MixpanelOutcomeSerializer):
    code = serializers.IntegerField(required=False, help_text="Of `import` alone, as the next.")
    num_records_imported = serializers.IntegerField(required=False)
