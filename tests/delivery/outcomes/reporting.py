"""Reporting outcomes without a key, as the receiver of an action does."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.test import Client

from delivery.outcomes import tokens
from tests.delivery.cast import Merchant, work
from tests.delivery.receiver import Receiver

FORM = "/api/outcomes/eo_{}"


def sent(shop: Merchant, inbox: Receiver, **fields: Any) -> tuple[str, str]:
    """An action that was delivered: its id, and the path of its outcome URL."""
    id = shop.dispatch(**fields)
    work()
    (received,) = [each for each in inbox.received if each.json["action_id"] == id]
    return id, urlsplit(received.json["outcome_url"]).path


def report(path: str, body: Any = None, **headers: str) -> Any:
    body = {"status": "completed"} if body is None else body
    return Client(raise_request_exception=False, headers=headers).post(path, body, content_type="application/json")


def path_of(**named: Any) -> str:
    """That of a token for what is named."""
    return f"/api/outcomes/{tokens.make(**{'expires_at': datetime.now(UTC) + timedelta(days=1), **named})}"
