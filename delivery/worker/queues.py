"""What the loop sends: messages that are leased, whichever queue they are of, and what became of them."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar
from uuid import UUID

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError

from delivery.models import FailureReason
from delivery.transport.sending import Answer
from retivo import encryption

log = structlog.get_logger("retivo.delivery")

# The database cannot be reached, or went away.
AWAY = (OperationalError, InterfaceError)

# An endpoint that takes longer than this to answer is slow, until it answers in less.
SLOW_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A message that is ours to send until the lease ends."""

    tenant_id: UUID
    message_id: str  # the receiver sees the same at each attempt
    request_id: str  # of what caused it
    number: int  # of this attempt
    step: int  # in the schedule, from 1
    url: str
    endpoint_owner_id: UUID
    endpoint_is_failing: bool
    endpoint_is_slow: bool
    secrets: tuple[str, ...]
    body: bytes
    is_expired: bool = False
    refusal: str = ""  # why it is not to be sent at all

    @property
    @abstractmethod
    def queue(self) -> "Queue[Any]": ...

    @property
    @abstractmethod
    def names(self) -> dict[str, str]:
        """What it is called in logs and traces."""

    @property
    def is_of_partner(self) -> bool:
        """Whether it goes to an endpoint of a partner's integrations, of which the partner is shown how it answers."""
        return False

    @property
    def is_checked(self) -> bool:
        """Whether it may be sent as it is."""
        return True

    def checked(self) -> "Lease":
        """As it may be sent; takes long.

        Raises:
            Problem: 503 where that cannot be told now.
        """
        return self


L = TypeVar("L", bound=Lease)
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Result(Generic[L]):
    """What became of a lease. Without an `answer` nothing was sent."""

    lease: L
    answer: Answer | None = None
    delivered: bool = False
    wait_seconds: float | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Room:
    """How many messages there is room for: in all, of one endpoint, and the same for the slow ones among them."""

    wanted: int
    per_endpoint: int
    slow_wanted: int
    per_slow_endpoint: int

    @property
    def parameters(self) -> dict[str, float]:
        """Of the functions that claim."""
        return vars(self) | {"seconds": settings.DELIVERY_LEASE_SECONDS, "slow_seconds": SLOW_SECONDS}


@dataclass(frozen=True, kw_only=True)
class Queue(Generic[L]):
    """A kind of message. Each has places of its own, so that none takes those of another.

    Args:
        name: as logs call it.
        claim: leases what is due.
        record: stores attempts and what they mean, in the context of the messages' tenant. Storing the same again
            changes nothing.
        tell_failed: tells the owner of an endpoint of messages to it that failed, in the owner's context.
    """

    name: str
    claim: Callable[[Room], list[L]]
    record: Callable[[UUID, Sequence[Result[L]]], None]
    tell_failed: Callable[[UUID, str, Sequence[Result[L]]], None]


def each_apart(claimed: Iterable[T], read: Callable[[T], Iterable[R]], *, what: str) -> list[R]:
    """What is read of all that was claimed, but for what cannot be read: its lease runs out, and it is tried again.

    Raises:
        OperationalError, InterfaceError: the database is away.
    """
    found: list[R] = []
    for one in claimed:
        try:
            found += read(one)
        except AWAY:
            raise
        except Exception as error:  # it must not keep the others from being worked on
            log.error(what, exc_info=error)
    return found


def spent(step: int) -> str:
    """Why a message is not sent, where it is one step beyond the schedule: workers died with all of them."""
    return FailureReason.ATTEMPTS_EXHAUSTED if step > len(settings.DELIVERY_RETRY_SECONDS) + 1 else ""


def secrets(tokens: Iterable[bytes | memoryview | None]) -> tuple[str, ...]:
    """What signs: the secret, and the one before it while that still does.

    Raises:
        cryptography.fernet.InvalidToken: no configured key fits.
    """
    return tuple(_secret(bytes(token)) for token in tokens if token is not None)


@lru_cache(maxsize=1000)
def _secret(token: bytes) -> str:
    return encryption.decrypt(token).decode()


def row(result: Result[Any]) -> dict[str, Any]:
    """An attempt and what it means, for SQL."""
    answer = result.answer
    return {
        "number": result.lease.number,
        "sent": answer is not None,
        "started_at": answer and answer.started_at,
        "latency_ms": answer and answer.latency_ms,
        "status_code": answer and answer.status,
        "error": answer and answer.error,
        "response": answer and answer.body,
        "delivered": result.delivered,
        "wait": result.wait_seconds,
        "reason": result.reason,
    }


ROW = """
    number int, sent boolean, started_at timestamptz, latency_ms int, status_code smallint, error text, response text,
    delivered boolean, wait float8, reason text
"""
