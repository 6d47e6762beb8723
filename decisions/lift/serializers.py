"""Lift on the wire."""

from typing import Any

from rest_framework import serializers

from retivo.api.serializers import QueryIntegerField, StrictSerializer


class LiftQuerySerializer(StrictSerializer):
    """Query parameters, all optional."""

    days = QueryIntegerField(required=False, default=30, min_value=1, max_value=365, help_text="How far to look back.")


class ShareSerializer(serializers.Serializer[Any]):
    users = serializers.IntegerField()
    converted = serializers.IntegerField()
    rate = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)


class DifferenceSerializer(serializers.Serializer[Any]):
    value = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class LiftSerializer(serializers.Serializer[Any]):
    days = serializers.IntegerField()
    conversion_event = serializers.CharField(allow_null=True, help_text="`config.conversion.event`; null without one.")
    treated = ShareSerializer()
    holdout = ShareSerializer()
    difference = DifferenceSerializer(allow_null=True, help_text="Null while one of the two has no users.")


class LiftResponseSerializer(serializers.Serializer[Any]):
    lift = LiftSerializer()
