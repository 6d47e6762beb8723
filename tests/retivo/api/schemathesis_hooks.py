"""What schemathesis cannot know from the schema; it loads this module by name."""

import itertools
import json
import re
import uuid
from collections.abc import MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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
    "uri", strategies.from_regex(r"https://[a-z]{1,9}\.example(:8?443)?/[a-z0-9/?&=#]{0,20}", fullmatch=True)
)

# Printable, which is more than a pattern can say.
schemathesis.openapi.format("external-id", strategies.from_regex(r"[!-~]{1,60}", fullmatch=True))

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


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Renews what must be unique wherever it is well-formed, or most requests would end as 409, 422 or `not_unique`."""
    if case.query and case.query.get("cursor") == _CURSOR:
        if case.operation.path == "/api/events":
            case.query["cursor"] = _EVENTS
        elif case.operation.path == "/api/decisions/export" or case.query.get("order") == "committed":
            case.query["cursor"] = _FORWARD
        elif case.operation.path in ("/api/partners/customers", "/api/partners/stats"):
            sort = case.query.get("sort", "created_at")
            known = sort if isinstance(sort, str) and sort in SORTS else "created_at"
            case.query["cursor"] = str(CustomerPlace(known, _MOMENT, uuid.UUID(int=0)))
    if isinstance(case.body, MutableMapping) and {"controls", "suspension"} & case.body.keys():
        # What is said there is not said beside it, and a config has to keep within bounds: no schema can say that.
        for name in ("plan_status", "kill_switch_active", "shadow_mode"):
            case.body.pop(name, None)
        if isinstance(case.body.get("controls"), MutableMapping):
            for name in ("action_budget_usd", "holdout_percent"):
                case.body["controls"].pop(name, None)
    _renew(case.headers, "Idempotency-Key", r"[!-~]{1,255}")
    _renew(case.body, "slug", r"(?=.{2,63}$)[a-z0-9]+(-[a-z0-9]+)*")
    _renew(case.body, "provider", r"(?=.{1,63}$)[A-Za-z0-9]+([._-][A-Za-z0-9]+)*")
    for schema_of in (case.body, *_items(case.body, "action_type_templates")):
        # A schema that says nothing of the parameters is refused, which no schema can say.
        if isinstance(schema_of, MutableMapping) and isinstance(schema_of.get("parameters_schema"), dict):
            schema_of["parameters_schema"] = {"amount": {"type": "number"}}
    for template in _items(case.body, "action_type_templates"):
        _renew(template, "name", r"(?=.{1,100}$)[a-z][a-z0-9]*(_[a-z0-9]+)*")
    for mapping in _items(case.body, "event_mappings"):
        _renew(mapping, "from", r"(?=.{1,200}$)[^\0]*[^\s\0][^\0]*")


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
        if never := self.tried - self.succeeded:
            raise AssertionError(f"never succeeded: {sorted(never)}")


def _renew(holder: Any, name: str, well_formed: str) -> None:
    if isinstance(holder, MutableMapping):
        value = holder.get(name)
        if isinstance(value, str) and re.fullmatch(well_formed, value, re.DOTALL):
            holder[name] = f"x{next(_numbers)}"


def _items(body: Any, name: str) -> list[Any]:
    items = body.get(name) if isinstance(body, dict) else None
    return items if isinstance(items, list) else []
