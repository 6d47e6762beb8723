"""What schemathesis cannot know from the schema; it loads this module by name."""

import itertools
import re
import uuid
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

_fresh_keys = (f"key-{number}" for number in itertools.count())


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """A fresh Idempotency-Key in place of any well-formed one: else most requests would be 422, sent with "0" again."""
    key = (case.headers or {}).get("Idempotency-Key")
    if key and re.fullmatch("[!-~]{1,255}", str(key)):
        case.headers["Idempotency-Key"] = next(_fresh_keys)
