"""What schemathesis cannot know from the schema; it loads this module by name."""

import itertools
import json
import re
import uuid
from collections.abc import MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import schemathesis
import yaml
from hypothesis import strategies

from events.readback.serializers import EventCursor
from partners.customers.listing import SORTS
from partners.customers.listing import Place as CustomerPlace
from retivo.api.forward import Place
from retivo.api.pagination import Cursor
from retivo.database.commits import Snapshot

# A cursor is opaque: to be made by us, not by a pattern. Some lists have cursors of their own.
_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
_CURSOR = str(Cursor(_MOMENT, uuid.UUID(int=0)))
_FORWARD = str(Place(before=Snapshot(end=1)))
_EVENTS = str(EventCursor(_MOMENT, "(0,1)"))
schemathesis.openapi.format("cursor", strategies.just(_CURSOR))

# A webhook leads to a public host, which is what no pattern can say of a URL.
schemathesis.openapi.format(
    "uri", strategies.from_regex(r"https://[a-z]{1,9}\.example(:8?443)?/[a-z0-9/?&=]{0,20}", fullmatch=True)
)

schemathesis.openapi.format("origin", strategies.just("https://hooks.acme.example"))

# Printable, which is more than a pattern can say.
schemathesis.openapi.format("external-id", strategies.from_regex(r"[!-~]{1,60}", fullmatch=True))

# In a path from the dictionary; in a query an id that is nobody's, or one of the partner's own.
schemathesis.openapi.format("customer-id", strategies.sampled_from([str(uuid.UUID(int=7)), "ext:shop-1"]))
schemathesis.openapi.format("own-customer-id", strategies.just("ext:shop-1"))

# 32 bytes in Base64.
_PUBLIC_KEY = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08="
schemathesis.openapi.format("x25519-public-key", strategies.just(_PUBLIC_KEY))

# JSON in base64.
schemathesis.openapi.format(
    "mixpanel-data", strategies.just("eyJldmVudCI6ImUiLCJwcm9wZXJ0aWVzIjp7ImRpc3RpbmN0X2lkIjoidSJ9fQ==")
)


_EXPORT = yaml.safe_load(Path("openapi.yaml").read_text())["paths"]["/api/decisions/export"]["get"]["responses"]["200"]
_LINE = _EXPORT["content"]["application/x-ndjson"]["examples"]["Success"]["value"]


@schemathesis.deserializer("application/x-ndjson")
def lines_of_json(_context: Any, response: Any) -> Any:
    """The schema is that of one line; an export of nothing has none to hold to it."""
    lines = response.content.splitlines()
    return json.loads(lines[0]) if lines else _LINE


_numbers = itertools.count()


_CURSORS = {
    "/api/events": _EVENTS,
    "/api/partners/usage": str(Cursor(_MOMENT, f"{uuid.UUID(int=0)}/2026-01-01/0")),
    **dict.fromkeys(
        (f"/api{of}/audit{what}" for of in ("", "/partners") for what in ("", "/checkpoints")),
        str(Cursor(_MOMENT, "1")),
    ),
}


def _cursor_of(case: Any) -> str:
    if case.operation.path == "/api/decisions/export" or case.query.get("order") == "committed":
        return _FORWARD
    if case.operation.path in ("/api/partners/customers", "/api/partners/stats"):
        sort = case.query.get("sort", "created_at")
        known = sort if isinstance(sort, str) and sort in SORTS else "created_at"
        return str(CustomerPlace(known, _MOMENT, uuid.UUID(int=0)))
    return _CURSORS.get(case.operation.path, _CURSOR)


def _make_meaningful(path: str, body: MutableMapping[str, Any]) -> None:
    """Valid values, of which more is wanted than a schema can say, become such."""
    for name, (well_formed, value) in _MEANINGFUL.items():
        if isinstance(body.get(name), str) and re.match(well_formed, body[name]):
            body[name] = value
    if isinstance(networks := body.get("allowed_cidrs"), list) and all(isinstance(each, str) for each in networks):
        body["allowed_cidrs"] = ["203.0.113.0/24"][: len(networks)]
    if "/webhooks" in path and isinstance(body.get("types"), list):
        body["types"] = ["customer.created"]
    body.pop("confirm_token", None)  # of no deletion that was refused
    if path.endswith("/revoke-all") and not body.get("reissue"):
        body.pop("encrypt_to", None)
    if path.endswith("/replay") and "after" in body:
        body["since"] = _PAST
        body.pop("after")
    _leave_out_what_contradicts(body)


def _leave_out_what_contradicts(body: MutableMapping[str, Any]) -> None:
    if {"controls", "suspension"} & body.keys():
        # What is said there is not said beside it, and a config has to keep within bounds.
        for name in ("plan_status", "kill_switch_active", "shadow_mode"):
            body.pop(name, None)
        for name in ("action_budget_usd", "holdout_percent"):
            if isinstance(body.get("controls"), MutableMapping):
                body["controls"].pop(name, None)
    for schema_of in (body, *_items(body, "action_type_templates")):
        # A schema that says nothing of the parameters is refused.
        if isinstance(schema_of, MutableMapping) and isinstance(schema_of.get("parameters_schema"), dict):
            schema_of["parameters_schema"] = {"amount": {"type": "number"}}


_PAST, _FUTURE = "2026-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
_MOMENTS = r"\d{4}-\d\d-\d\dT"
_MEANINGFUL = {
    "encrypt_to": (r".{43,44}$", _PUBLIC_KEY),
    "expires_at": (_MOMENTS, _FUTURE),
    "sunset_at": (_MOMENTS, _FUTURE),
    "since": (_MOMENTS, _PAST),
}


# Of valid bodies alone, members that depend on each other, or on what there is.
_ALSO: dict[str, dict[str, Any]] = {
    "/api/partners/endpoints/{endpointId}/recover": {"until": _FUTURE},
    "/api/partners/integrations/{integrationId}/webhooks": {
        "from_origin": "https://hooks.acme.example",
        "to_origin": "https://new.acme.example",
    },
    "/api/partners/customers/{customerId}": {"rate_limit": {"requests": 100, "seconds": 60}},
    "/api/partners/integrations/{integrationId}/rollouts": {"revision": 1, "stages": [], "to": "all"},
    "/api/partners/usage-alerts": {"metric": "active_users", "limit": 1000},
}


def _is_valid(case: Any) -> bool:
    return case.meta is None or bool(case.meta.generation.mode.is_positive)


_LONGEST_QUERY = 4_000  # gunicorn refuses a request line of more than 8,190 characters before any operation sees it


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Renews what must be unique wherever it is well-formed, or most requests would end as 409, 422 or `not_unique`."""
    if case.query and case.query.get("cursor") == _CURSOR:
        case.query["cursor"] = _cursor_of(case)
    if isinstance(case.body, MutableMapping):
        _make_meaningful(case.operation.path, case.body)
        if case.operation.path in _ALSO and _is_valid(case):
            case.body.update({name: value for name, value in _ALSO[case.operation.path].items() if name in case.body})
        if case.body.get("overlap_hours") == 0:  # the key that all requests are made with stays
            case.body["overlap_hours"] = 1
    if case.query and len(urlencode(case.query)) > _LONGEST_QUERY:
        case.query.clear()
    if case.query and case.query.get("confirm") == "self":
        case.query.pop("confirm")
    if case.query and case.operation.path == "/api/partners/usage" and _is_valid(case):
        case.query.pop("to", None)  # not before `from`
    if case.query and case.operation.path == "/api/partners/events":
        case.query.pop("after", None)  # of no event of theirs
        if "types" in case.query:
            case.query["types"] = "customer.created"
    _renew(case.headers, "Idempotency-Key", r"[!-~]{1,255}")
    _renew(case.body, "slug", r"(?=.{2,63}$)[a-z0-9]+(-[a-z0-9]+)*")
    _renew(case.body, "provider", r"(?=.{1,63}$)[A-Za-z0-9]+([._-][A-Za-z0-9]+)*")
    for template in _items(case.body, "action_type_templates"):
        _renew(template, "name", r"(?=.{1,100}$)[a-z][a-z0-9]*(_[a-z0-9]+)*")
    for mapping in _items(case.body, "event_mappings"):
        _renew(mapping, "from", r"(?=.{1,200}$)[^\0]*[^\s\0][^\0]*")


# They would end the key that all requests are made with, or need an id of a certain kind.
SUCCEED_ELSEWHERE = {  # in test_every_change.py of tests/partners and of tests/tenants/audit
    "POST /api/partners/api-keys/revoke-all",
    "POST /api/settings/api-keys/revoke-all",
    "POST /api/settings/api-keys/{keyId}/rotate",
    "POST /api/partners/customers/{customerId}/api-keys/{keyId}/rotate",
    "PATCH /api/partners/integrations/{integrationId}/webhooks",
    "DELETE /api/partners/integrations/{integrationId}",
    "PUT /api/partners/customers/{customerId}",
}


@schemathesis.check
class EveryOperationSucceeds:
    """Nothing found means something only where each operation was got to work."""

    def __init__(self) -> None:
        self.tried: set[str] = set()
        self.succeeded: set[str] = set()

    def after_response(self, ctx: Any, response: Any, case: Any) -> None:
        self.tried.add(case.operation.label)
        if response.status_code < 300 and case.method == case.operation.method.upper():
            self.succeeded.add(case.operation.label)

    def after_run(self, ctx: Any) -> None:
        if never := self.tried - self.succeeded - SUCCEED_ELSEWHERE:
            raise AssertionError(f"never succeeded: {sorted(never)}")


def _renew(holder: Any, name: str, well_formed: str) -> None:
    if isinstance(holder, MutableMapping):
        value = holder.get(name)
        if isinstance(value, str) and re.fullmatch(well_formed, value, re.DOTALL):
            holder[name] = f"x{next(_numbers)}"


def _items(body: Any, name: str) -> list[Any]:
    items = body.get(name) if isinstance(body, dict) else None
    return items if isinstance(items, list) else []
