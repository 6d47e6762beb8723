"""What OpenAPI says of end users: a decorator for each operation of `events.users.views`."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from drf_spectacular.utils import OpenApiParameter

from events.users import serializers
from events.users.kept import USER, tables
from retivo.api.operation import operation
from retivo.api.schema import (
    INVALID_BODY,
    INVALID_QUERY,
    KEY_IN_USE,
    NOT_FOUND,
    TEXT,
    TOO_LARGE,
    UNSUPPORTED,
    Link,
    Problems,
)
from tenants.models import Scope

TAG = "Users"

Example = Mapping[str, Any]

# As INVALID_BODY, of a request that takes no Idempotency-Key.
_INVALID_CHANGE = Problems(
    "InvalidChange",
    400,
    {code: what for code, what in INVALID_BODY.examples.items() if code != "invalid_idempotency_key"},
)

_TOO_LARGE = Problems(
    "UserTooLarge",
    413,
    {**TOO_LARGE.examples, "traits_too_large": "A user's traits may have at most 65536 bytes."},
)

USER_ID = OpenApiParameter(
    "user_id",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": TEXT},
    OpenApiParameter.PATH,
    description="Your name of the user, percent-encoded; it may hold slashes and dots. `stats` is the statistics.",
)


_operation = partial(operation, tag=TAG)

_USER = {
    "id": "user-42",
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "company": "Analytical Engines",
    "role": "owner",
    "team_size": 4,
    "locale": "en-GB",
    "opted_out": False,
    "lifecycle_stage": "active",
    "stage_changed_at": "2026-04-20T08:00:00Z",
    "health": 0.8,
    "activation_score": 1.0,
    "engagement_score": 0.64,
    "expansion_score": 0.2,
    "risk_level": "low",
    "last_activity_at": "2026-04-26T10:00:00Z",
    "created_at": "2026-04-01T09:30:00Z",
    "traits": {
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "company": "Analytical Engines",
        "role": "owner",
        "team_size": 4,
        "locale": "en-GB",
        "plan": "pro",
    },
    "next_action": None,
}
_DETAIL = {**_USER, "milestones": [{"name": "first_purchase", "reached_at": "2026-04-02T12:00:00Z"}]}
_NEW = {
    **_DETAIL,
    "lifecycle_stage": "new",
    "health": 0.0,
    "activation_score": 0.0,
    "engagement_score": 0.0,
    "expansion_score": 0.0,
    "last_activity_at": None,
    "milestones": [],
}

list_users = _operation(
    "listUsers",
    "List users",
    "Your end users, oldest first: a page of `limit`, 50 by default, and `next_cursor` for the next. Filters hold "
    "together, and `total` counts what they match.",
    scope=Scope.USERS_READ,
    parameters=[serializers.UserListQuerySerializer],
    answers=serializers.UserListSerializer,
    example={"customers": [_USER], "total": 1, "total_is_exact": True, "next_cursor": None},
    problems=[INVALID_QUERY],
)

save_user = _operation(
    "saveUser",
    "Create or update a user",
    "Makes the user (201), or merges what you send into the user that is there (200). A user that you only `track` is "
    "made by its first event.",
    scope=Scope.USERS_WRITE,
    takes=serializers.UserRequestSerializer,
    requests={
        "Required fields": {"user_id": "user-42"},
        "All fields": {
            "user_id": "user-42",
            **{name: _USER[name] for name in ("name", "email", "company", "role", "team_size", "locale")},
            "traits": {"plan": "pro"},
        },
    },
    answers=serializers.SavedUserSerializer,
    example={"user": _DETAIL},
    also={201: {"user": _NEW}},
    problems=[KEY_IN_USE, _TOO_LARGE],
    links=[
        Link("getUser", "userId", "/user/id"),
        Link("updateUser", "userId", "/user/id"),
        Link("eraseUser", "userId", "/user/id"),
    ],
)

get_user = _operation(
    "getUser",
    "Get a user",
    "One of your end users, with the milestones it has reached.",
    scope=Scope.USERS_READ,
    parameters=[USER_ID],
    answers=serializers.UserResponseSerializer,
    example={"customer": _DETAIL},
    problems=[NOT_FOUND],
)

change_user = _operation(
    "updateUser",
    "Update a user",
    "Merges what you send into the user's traits by JSON Merge Patch (RFC 7396): what you leave out stays, null "
    "removes. `opted_out` keeps actions from the user; events are taken as before. A user's id cannot be changed.",
    scope=Scope.USERS_WRITE,
    parameters=[USER_ID],
    takes=serializers.UserPatchSerializer,
    requests={"A trait, and no actions": {"role": None, "traits": {"plan": "max"}, "opted_out": True}},
    answers=serializers.UserResponseSerializer,
    example={"customer": _DETAIL},
    problems=[_INVALID_CHANGE, NOT_FOUND, _TOO_LARGE, UNSUPPORTED],
)

erase_user = _operation(
    "eraseUser",
    "Erase a user",
    "Deletes the user and everything stored of them, at once and for good: events, scores, actions. It may be sent "
    "again: `existed` is false if there was nothing of the user. What stays are your usage figures and an audit entry "
    "that does not say who it was. An event that you send afterwards makes a new user of that id.",
    scope=Scope.USERS_WRITE,
    parameters=[USER_ID],
    answers=serializers.ErasedSerializer,
    example={"erased": True, "existed": True},
    problems=[NOT_FOUND],  # of what is too long to be an id, or ends with a slash and is nobody's
)

export_user = _operation(
    "exportUser",
    "Export a user",
    "Everything stored of a user, as it is stored: a list of rows for each kind, from the same tables that erasure "
    "empties. The answer is streamed. If it breaks off, it is not a complete JSON object; send the request again. What "
    "is stored of the user meanwhile may be missing.",
    scope=Scope.USERS_READ,
    parameters=[USER_ID],
    answers=serializers.ExportedUserSerializer,
    example={
        "user_id": "user-42",
        "exported_at": "2026-04-26T10:00:00Z",
        **{table.name: {} if table.name == USER else [] for table in tables()},
    },
    problems=[NOT_FOUND],
)

get_user_stats = _operation(
    "getUserStats",
    "Get user stats",
    "How many users you have, in each stage of the lifecycle and at each risk level.",
    scope=Scope.USERS_READ,
    answers=serializers.UserStatsSerializer,
    example={
        "stats": {
            "total": 12,
            "new": 2,
            "onboarding": 3,
            "active": 4,
            "at_risk": 1,
            "churned": 1,
            "recovered": 1,
            "by_risk_level": {"low": 9, "medium": 2, "high": 1},
        }
    },
)
