"""What the tests of webhooks share."""

from typing import Any

from tests.conftest import Api

WEBHOOKS = "/api/partners/webhooks"
URL = "https://acme.example/events"


def used(partner: Api) -> Api:
    """A key's first use is an event of its own. Make it before what is counted."""
    partner.get("/api/me")
    return partner


def make(partner: Api, url: str = URL, **fields: Any) -> dict[str, Any]:
    answer = partner.post(WEBHOOKS, {"url": url, **fields})
    assert answer.status_code == 201, answer.content
    webhook: dict[str, Any] = answer.json()["webhook"]
    return webhook


def newest(partner: Api, type_: str) -> dict[str, Any]:
    events = partner.get("/api/partners/events", {"types": type_, "limit": 1000}).json()["events"]
    found: dict[str, Any] = events[-1]
    return found
