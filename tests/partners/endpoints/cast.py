"""What the tests of endpoints share: a receiver as the guide has it, and faults that it may have."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from delivery.tasks import count_endpoints
from tests.conftest import Api
from tests.delivery.receiver import Answer, Received
from tests.owner import as_owner

ENDPOINTS = "/api/partners/endpoints"


def endpoints(partner: Api, **query: Any) -> list[dict[str, Any]]:
    answer = partner.get(ENDPOINTS, query)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["endpoints"]
    return found


def endpoint(partner: Api, url: str) -> dict[str, Any]:
    """One by its URL, as the list has it."""
    (found,) = [each for each in endpoints(partner) if each["url"] == url]
    return found


def counted(partner: Api, url: str) -> dict[str, Any]:
    """With what waits there counted."""
    count_endpoints(timestamp=0)
    return endpoint(partner, url)


def act(partner: Api, found: dict[str, Any], name: str, body: Any = None) -> Any:
    return partner.post(f"{ENDPOINTS}/{found['id']}/{name}", {} if body is None else body)


def told(partner: Api, kind: str = "endpoint.") -> list[dict[str, Any]]:
    """The partner's events of a kind, oldest first."""
    events = partner.get("/api/partners/events", {"limit": 1000}).json()["events"]
    return [event for event in events if event["type"].startswith(kind)]


def fail_all(reason: str = "attempts_exhausted") -> None:
    """As if all actions had failed."""
    as_owner(
        "UPDATE delivery_action SET status = 'failed', failure_reason = %(r)s, attempts = 8, leased_until = NULL",
        r=reason,
    )


@dataclass
class Faithful:
    """A receiver that does all that docs/webhooks.md asks for."""

    secrets: list[str]
    seen: set[str] = field(default_factory=set)

    def __call__(self, one: Received) -> Answer:
        if not self.is_signed(one):
            return Answer(401)
        if not self.is_fresh(one):
            return Answer(400)
        return self.take(one)

    def is_signed(self, one: Received) -> bool:
        return any(signature in self.expected(one) for signature in self.signatures(one))

    def signatures(self, one: Received) -> list[str]:
        return one.headers["webhook-signature"].split()

    def expected(self, one: Received) -> list[str]:
        signed = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
        digests = [hmac.new(secret.encode(), signed, hashlib.sha256).digest() for secret in self.secrets]
        return [f"v1,{base64.b64encode(digest).decode()}" for digest in digests]

    def is_fresh(self, one: Received) -> bool:
        return abs(time.time() - int(one.headers["webhook-timestamp"])) < 300

    def take(self, one: Received) -> Answer:
        self.seen.add(one.headers["webhook-id"])
        return Answer(200)


class Unverified(Faithful):
    def is_signed(self, one: Received) -> bool:
        return True


class Timeless(Faithful):
    """Verifies the body's signature alone."""

    def is_signed(self, one: Received) -> bool:
        sent = [one.headers.get("x-retivo-signature"), one.headers.get("x-retivo-signature-previous")]
        return any(hmac.new(s.encode(), one.body, hashlib.sha256).hexdigest() in sent for s in self.secrets)

    def is_fresh(self, one: Received) -> bool:
        return True


class Once(Faithful):
    def take(self, one: Received) -> Answer:
        return Answer(409) if one.headers["webhook-id"] in self.seen else super().take(one)


class Strict(Faithful):
    known = {
        *("probe", "action_id", "action_type", "provider", "tenant_id", "user_id", "parameters", "decision_id"),
        *("domain", "created_at", "expires_at"),
    }

    def take(self, one: Received) -> Answer:
        return Answer(200) if one.json.keys() <= self.known else Answer(422)


class Small(Faithful):
    def take(self, one: Received) -> Answer:
        return Answer(413) if len(one.body) > 100 * 1024 else super().take(one)


class FirstOnly(Faithful):
    def signatures(self, one: Received) -> list[str]:
        return super().signatures(one)[:1]


class Broken(Faithful):
    """Fails where it does not expect to be refused."""

    def __call__(self, one: Received) -> Answer:
        return Answer(200) if self.is_signed(one) and self.is_fresh(one) else Answer(500)


class Away(Faithful):
    def __call__(self, one: Received) -> Answer:
        return Answer(503)


# A receiver with each fault, and the checks that it does not pass.
FAULTS: dict[Callable[[list[str]], Faithful], set[str]] = {
    Faithful: set(),
    Unverified: {"wrong_signature"},
    Timeless: {"old_timestamp"},
    Once: {"repeated_id"},
    Strict: {"unknown_field"},
    Small: {"large_body"},
    FirstOnly: {"both_secrets"},
    Broken: {"wrong_signature", "old_timestamp"},
    Away: {
        "signed_probe",
        "wrong_signature",
        "old_timestamp",
        "repeated_id",
        "unknown_field",
        "large_body",
        "both_secrets",
    },
}
