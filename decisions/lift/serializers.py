"""Lift on the wire."""

from typing import Any

from rest_framework import serializers

from decisions.lift.trial import Verdict
from retivo.api.serializers import QueryIntegerField, StrictSerializer


class LiftQuerySerializer(StrictSerializer):
    """Query parameters, all optional."""

    days = QueryIntegerField(
        required=False,
        default=30,
        min_value=1,
        max_value=365,
        help_text="How many days to count, the last of which no conversion is awaited after.",
    )


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


class ArmSerializer(serializers.Serializer[Any]):
    users = serializers.IntegerField()
    converted = serializers.IntegerField()
    rate = serializers.FloatField(allow_null=True)


class TrialSerializer(serializers.Serializer[Any]):
    started_at = serializers.DateTimeField(
        help_text="When `config.conversion` or `config.holdout_percent` was last changed, or the trial before ended."
    )
    ends_at = serializers.DateTimeField(
        help_text="After which the next trial begins, with the first decision that is complete, if nothing is changed."
    )
    treated = ArmSerializer()
    holdout = ArmSerializer()
    difference = DifferenceSerializer(
        allow_null=True,
        help_text="With an interval that holds whenever you look. Null while one of the two has no users, and where "
        "their numbers do not fit `holdout_percent`, so that something else than chance decided who is in which.",
    )
    verdict = serializers.ChoiceField(
        choices=list(Verdict),
        help_text="Whether more of the treated convert than of those held out, or fewer; `not_known_yet` while the "
        "interval contains 0.",
    )


class LiftSerializer(serializers.Serializer[Any]):
    days = serializers.IntegerField()
    since = serializers.DateTimeField(help_text="Users count whose first decision of the time is from `since` …")
    until = serializers.DateTimeField(help_text="… until `until`: no conversion of theirs can follow any more.")
    conversion_event = serializers.CharField(allow_null=True, help_text="`config.conversion.event`; null without one.")
    treated = ShareSerializer()
    holdout = ShareSerializer()
    pending = serializers.IntegerField(help_text="Users decided for after `until`, who do not count yet.")
    difference = DifferenceSerializer(
        allow_null=True,
        help_text="For one look, on a date that was set before. If you look again and again, read `trial`. Null while "
        "one of the two has no users.",
    )
    trial = TrialSerializer(allow_null=True, help_text="Null without `config.conversion`.")


class LiftResponseSerializer(serializers.Serializer[Any]):
    lift = LiftSerializer()
