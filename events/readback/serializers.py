"""Stored and rejected events on the wire."""

import re
from typing import Any

from rest_framework import serializers

from retivo.api.pagination import Cursor, CursorField, LookedAtPageSerializer, NameCursor, PageQuerySerializer
from retivo.api.serializers import StringField, TimestampField

MAX_LENGTH = 255


class EventCursor(NameCursor):
    """An event has no id: its place is its row's address, which stays as it is, for no event is ever updated."""

    @staticmethod
    def read_id(text: str) -> str:
        if not _ADDRESS(text):
            raise ValueError("no row's address")
        return text


_ADDRESS = re.compile(r"\([0-9]{1,9},[0-9]{1,4}\)").fullmatch


class EventListQuerySerializer(PageQuerySerializer):
    """Query parameters, all optional."""

    cursor = CursorField(of=EventCursor, required=False, help_text="`next_cursor` of the page before.")
    user_id = StringField(required=False, max_length=MAX_LENGTH, allow_blank=True, help_text="Those of this user.")
    name = StringField(
        required=False, max_length=MAX_LENGTH, allow_blank=True, help_text="Those of this name, as they are stored."
    )
    since = TimestampField(required=False, help_text="Those received at this time or later.")


class StoredEventSerializer(serializers.Serializer[Any]):
    user_id = serializers.CharField()
    event = serializers.CharField()
    original_event = serializers.CharField(
        allow_null=True, help_text="What it was called when it was sent, where an event mapping renamed it."
    )
    source = serializers.CharField(help_text="How it came: `track`, `external`, or the connector's name.")  # type: ignore[assignment]
    timestamp = serializers.DateTimeField()
    received_at = serializers.DateTimeField()
    properties = serializers.DictField()


class EventListSerializer(LookedAtPageSerializer):
    events = StoredEventSerializer(many=True)


class RejectionListQuerySerializer(PageQuerySerializer):
    """Query parameters, all optional."""

    cursor = CursorField(of=Cursor, required=False, help_text="`next_cursor` of the page before.")
    source = StringField(required=False, max_length=63, help_text="Those that came this way.")  # type: ignore[assignment]
    code = StringField(required=False, max_length=63, help_text="Those rejected by this rule.")
    user_id = StringField(required=False, max_length=MAX_LENGTH, allow_blank=True, help_text="Those of this user.")
    since = TimestampField(required=False, help_text="Those rejected at this time or later.")


class RejectedEventSerializer(serializers.Serializer[Any]):
    rejected_at = serializers.DateTimeField()
    source = serializers.CharField(help_text="How it came: `track`, `external`, or the connector's name.")  # type: ignore[assignment]
    request_id = serializers.CharField(
        allow_blank=True,
        help_text="`X-Request-Id` of the answer to the request that brought it; empty if the request named its own.",
    )
    index = serializers.IntegerField(help_text="In the batch as sent, from 0.")
    code = serializers.CharField(help_text="The rule, as in `rejected` of the answer to the batch.")
    field = serializers.CharField(allow_null=True, help_text="The member that broke it, where it was one.")
    detail = serializers.CharField()
    user_id = serializers.CharField(
        allow_null=True,
        allow_blank=True,
        help_text="As far as it could be read: its first 255 characters, with U+FFFD for what cannot be stored.",
    )
    event = serializers.CharField(allow_null=True, allow_blank=True, help_text="Its name, read like `user_id`.")


class RejectionListSerializer(LookedAtPageSerializer):
    rejected = RejectedEventSerializer(many=True)
