"""What schemathesis cannot know from the schema; it loads this module by name."""

import itertools
import re
import uuid
from collections.abc import MutableMapping as Mapping
from datetime import UTC, datetime
from typing import Any

import schemathesis
from hypothesis import strategies

from retivo.api.pagination import Cursor

# A cursor is opaque: to be made by us, not by a pattern.
schemathesis.openapi.format("cursor", strategies.just(str(Cursor(datetime(2026, 1, 1, tzinfo=UTC), uuid.UUID(int=0)))))

# To a public host, which is what no pattern can say of a URL.
schemathesis.openapi.format(
    "uri", strategies.from_regex(r"https://[a-z]{1,9}\.example(:[1-9][0-9]{0,3})?/[a-z0-9/?&=#]{0,20}", fullmatch=True)
)

_numbers = itertools.count()


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """What must be unique is made so where it is well-formed: else most requests would end as 409 or 422."""
    _renew(case.headers, "Idempotency-Key", r"[!-~]{1,255}")
    _renew(case.body, "slug", r"(?=.{2,63}$)[a-z0-9]+(-[a-z0-9]+)*")
    _renew(case.body, "provider", r"(?=.{1,63}$)[A-Za-z0-9]+([._-][A-Za-z0-9]+)*")
    if isinstance(case.body, dict):
        for template in _list(case.body, "action_type_templates"):
            _renew(template, "name", r"(?=.{1,100}$)[a-z][a-z0-9]*(_[a-z0-9]+)*")
        for mapping in _list(case.body, "event_mappings"):
            _renew(mapping, "from", r"(?=.{1,200}$)[^\0]*[^\s\0][^\0]*")


def _renew(holder: Any, name: str, well_formed: str) -> None:
    if isinstance(holder, Mapping) and re.fullmatch(well_formed, str(holder.get(name, "")), re.DOTALL):
        holder[name] = f"x{next(_numbers)}"


def _list(body: dict[str, Any], name: str) -> list[Any]:
    return body[name] if isinstance(body.get(name), list) else []
