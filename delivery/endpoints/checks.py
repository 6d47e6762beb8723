"""What an endpoint is tried with to be certified: probes that it must take, and probes that it must refuse.

A probe has the form of an action, with `"probe": true`. It is an action of nobody: it is not stored, metered or learned
from, and what is answered to it says nothing of the endpoint's health.
"""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from delivery.transport import signing
from delivery.transport.sending import Answer
from retivo.api.json import encode

OLD = timedelta(minutes=10)
LARGE_BYTES = 256 * 1024

# Statuses that refuse a request for what it is.
_REFUSALS = frozenset({400, 401, 403, 404, 409, 422})


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Whose probes these are.

    Args:
        keys: what signs actions: the secret and, during a rotation, the one before it.
    """

    partner_id: UUID
    provider: str
    domain: str
    action_type: str
    keys: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A request, signed."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Check:
    """Probes that are sent one after the other, and whether the endpoint must take or refuse them.

    Args:
        why: what is wrong with an endpoint that does not pass.
    """

    name: str
    probes: Callable[[Subject], list[Probe]]
    is_refused: bool = False
    why: str

    def report(self, answers: Sequence[Answer]) -> dict[str, Any]:
        """What is told of it: `check`, `passed`, `saw`, and `why` it did not pass."""
        passed = all(answer.status in _REFUSALS if self.is_refused else answer.is_success for answer in answers)
        saw = ", ".join(answer.summary for answer in answers)
        return {"check": self.name, "passed": passed, "saw": saw, "why": None if passed else self.why}


def _probe(
    subject: Subject,
    *,
    keys: Sequence[str] | None = None,
    id: str | None = None,
    age: timedelta = timedelta(),
    **members: Any,
) -> Probe:
    id = id or f"probe_{secrets.token_hex(16)}"
    now = datetime.now(UTC)
    body = encode(
        {
            "probe": True,
            "action_id": id,
            "action_type": subject.action_type,
            "provider": subject.provider,
            "tenant_id": subject.partner_id,
            "user_id": "probe",
            "parameters": {},
            "decision_id": None,
            "domain": subject.domain,
            "created_at": now,
            "expires_at": now + timedelta(hours=1),
            **members,
        }
    )
    signed_at = int(time.time() - age.total_seconds())
    headers = signing.headers(secrets=keys or subject.keys[:1], message_id=id, timestamp=signed_at, body=body)
    return Probe(headers=headers, body=body)


def _twice(subject: Subject) -> list[Probe]:
    id = f"probe_{secrets.token_hex(16)}"
    return [_probe(subject, id=id), _probe(subject, id=id)]


def _large(subject: Subject) -> list[Probe]:
    without = len(_probe(subject, parameters={"padding": ""}).body)
    return [_probe(subject, parameters={"padding": "x" * (LARGE_BYTES - without)})]


def _rotating(subject: Subject) -> list[Probe]:
    """As during a rotation: signed with a secret that the receiver has not taken over yet, and with the one it has."""
    return [_probe(subject, keys=[secrets.token_hex(32), subject.keys[0]])]


CHECKS = (
    Check(
        name="signed_probe",
        probes=lambda subject: [_probe(subject)],
        why="A probe that is signed as actions are must be answered 2xx within 15 seconds.",
    ),
    Check(
        name="wrong_signature",
        probes=lambda subject: [_probe(subject, keys=[secrets.token_hex(32)])],
        is_refused=True,
        why="A probe signed with another secret must be refused with a 4xx: verify the signature of the raw body.",
    ),
    Check(
        name="old_timestamp",
        probes=lambda subject: [_probe(subject, age=OLD)],
        is_refused=True,
        why="A probe signed 10 minutes ago must be refused with a 4xx. Verify `webhook-signature`, and refuse a "
        "`webhook-timestamp` that is more than five minutes off.",
    ),
    Check(
        name="repeated_id",
        probes=_twice,
        why="A probe that comes a second time with the same `webhook-id` must be answered 2xx both times.",
    ),
    Check(
        name="unknown_field",
        probes=lambda subject: [_probe(subject, a_field_of_tomorrow={"of": ["any", "shape"]})],
        why="A probe with a member that you do not know must be answered 2xx: ignore what you do not know.",
    ),
    Check(
        name="large_body",
        probes=_large,
        why="A probe with a body of 256 KiB must be answered 2xx.",
    ),
    Check(
        name="both_secrets",
        probes=_rotating,
        why="A probe with two signatures, as during a rotation, must be answered 2xx: one that fits is enough, first "
        "or second.",
    ),
)
