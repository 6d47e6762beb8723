"""A tenant's part in the shared patterns, on the wire."""

from typing import Any

from rest_framework import serializers

from retivo.api.pagination import CursorField, NameCursor, PageSerializer
from retivo.api.serializers import QueryIntegerField, StrictSerializer

CHOICES = ("contribute", "use_only", "off")


class ReceiptListQuerySerializer(StrictSerializer):
    limit = QueryIntegerField(required=False, default=50, min_value=1, max_value=100, help_text="How many, at most.")
    cursor = CursorField(of=NameCursor, required=False, help_text="`next_cursor` of the page before.")


class ReceiptSerializer(serializers.Serializer[Any]):
    release = serializers.IntegerField(help_text="Of the release, for all tenants the same.")
    date = serializers.DateField()
    epsilon = serializers.FloatField(help_text="What it cost.")


class ReceiptListSerializer(PageSerializer):
    receipts = ReceiptSerializer(many=True)
    total = serializers.IntegerField()


class ConsentSerializer(serializers.Serializer[Any]):
    own = serializers.ChoiceField(CHOICES, help_text="What `config.learning` says.")
    partners = serializers.ChoiceField(
        CHOICES, allow_null=True, help_text="Your partner's, of you or of all of its customers; null without a partner."
    )
    effective = serializers.ChoiceField(CHOICES, help_text="The stricter one.")


class SpentSerializer(serializers.Serializer[Any]):
    epsilon = serializers.FloatField(help_text="Of the releases of the last 365 days together.")
    budget = serializers.FloatField(help_text="What they may add up to.")
    delta = serializers.FloatField()


class PatternUseSerializer(serializers.Serializer[Any]):
    weight = serializers.FloatField(
        allow_null=True, help_text="How probable the patterns are by your own outcomes; null where you use none."
    )
    misleading = serializers.BooleanField(help_text="They are improbable, and so hardly count any more.")


class LearningSerializer(serializers.Serializer[Any]):
    consent = ConsentSerializer()
    privacy = SpentSerializer()
    patterns = PatternUseSerializer()


class LearningResponseSerializer(serializers.Serializer[Any]):
    learning = LearningSerializer()
