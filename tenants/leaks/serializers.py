"""A report of a leaked key on the wire."""

from typing import Any

from rest_framework import serializers

from retivo.api.serializers import StrictSerializer, StringField


class ReportRequestSerializer(StrictSerializer):
    key = StringField(max_length=200, help_text="The key's text, as it was found.")


class ReportResponseSerializer(serializers.Serializer[Any]):
    received = serializers.BooleanField(help_text="Whether or not there is such a key.")
