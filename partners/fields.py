"""Serializers that more than one resource of the Partner API uses."""

from typing import Any

from rest_framework import serializers

from retivo.api.pagination import CursorField
from retivo.api.serializers import QueryIntegerField, StrictSerializer


class WholeListQuerySerializer(StrictSerializer):
    """Query parameters, all optional: the list is whole where no page is asked for."""

    limit = QueryIntegerField(required=False, min_value=1, max_value=1000, help_text="Without it: everything.")
    cursor = CursorField(required=False, help_text="`next_cursor` of the page before.")


class WarmStartSerializer(serializers.Serializer[Any]):
    warm = serializers.BooleanField(help_text="Whether there is a pattern for any of them.")
    action_types = serializers.IntegerField()
    with_pattern = serializers.IntegerField(help_text="How many of them start from a pattern and not from nothing.")
