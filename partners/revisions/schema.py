"""What OpenAPI says of revisions of integrations."""

from typing import Any

from partners.operation import FORBIDDEN, INTEGRATION, INTEGRATIONS, TEMPLATE, partner_operation
from partners.revisions import serializers
from retivo.api.schema import INVALID_QUERY, KEY_IN_USE, NOT_FOUND, Link, Problems, Success
from tenants.models import Scope

_NEXT = {**TEMPLATE, "description": "Grants loyalty points, at most 500 a day."}
_REVISION: dict[str, Any] = {
    "number": 2,
    "base": 1,
    "note": "Says what the limit is.",
    "compatibility": "compatible",
    "reasons": [],
    "diff": {
        "action_types": {
            "added": [],
            "removed": [],
            "changed": [
                {
                    "name": "grant_points",
                    "fields": {"description": {"from": TEMPLATE["description"], "to": _NEXT["description"]}},
                }
            ],
        },
        "event_mappings": {"added": [], "removed": [], "changed": []},
    },
    "action_type_templates": [_NEXT | {"kind_source": "declared"}],
    "event_mappings": INTEGRATION["event_mappings"],
    "created_at": "2026-12-01T09:00:00Z",
}
_LISTED = {name: _REVISION[name] for name in ("number", "base", "note", "created_at")} | {"customers": 184}

_LIMIT = Problems(
    "RevisionLimitReached",
    403,
    {**FORBIDDEN.examples, "revision_limit_reached": "An integration has at most 1,000 revisions."},
)

list_revisions = partner_operation(
    "listRevisions",
    "List revisions",
    "An integration's revisions, the newest first, and how many customers have each.",
    scope=Scope.PARTNER_READ,
    tag=INTEGRATIONS,
    parameters=[serializers.RevisionListQuerySerializer],
    answers=serializers.RevisionListSerializer,
    example={"revisions": [_LISTED], "total": 2, "next_cursor": "2"},
    problems=[INVALID_QUERY, NOT_FOUND],
)

publish_revision = partner_operation(
    "publishRevision",
    "Publish a revision",
    "What the integration is to become: all of its action types and event mappings. What you leave out stays as it is. "
    "Nobody has the revision before you roll it out, and it never changes. The answer says what differs, and whether "
    "that may break what works: a removed action type, a parameter that became required, a narrower type. What the "
    "newest revision holds already is not published again: the answer is 200 with that one. The `kind` of an "
    "action type is no part of a revision: it is in force at once.",
    scope=Scope.PARTNER_INTEGRATIONS,
    tag=INTEGRATIONS,
    takes=serializers.RevisionRequestSerializer,
    requests={
        "Other action types": {"action_type_templates": [_NEXT], "note": _REVISION["note"]},
        "Other event mappings": {"event_mappings": [{"from": "order.paid", "to": "purchase_completed"}]},
    },
    status=201,
    answers=serializers.RevisionResponseSerializer,
    example={"revision": _REVISION},
    also={200: Success(serializers.RevisionResponseSerializer, 200, {"revision": _REVISION})},
    problems=[NOT_FOUND, KEY_IN_USE, _LIMIT],
    links=[Link("getRevision", "number", "/revision/number")],
    forbidden=None,
)

get_revision = partner_operation(
    "getRevision",
    "Get a revision",
    "One revision with all that it holds, compared to another: to the one that all customers had when it was "
    "published, or to the one that you name.",
    scope=Scope.PARTNER_READ,
    tag=INTEGRATIONS,
    parameters=[serializers.RevisionQuerySerializer],
    answers=serializers.RevisionResponseSerializer,
    example={"revision": _REVISION},
    problems=[INVALID_QUERY, NOT_FOUND],
)
