"""Who is calling: a bearer key, looked up and turned into a tenant context by one function in the database."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, NamedTuple, cast
from uuid import UUID

import msgspec
import structlog
from django.db import transaction
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from retivo.api.errors import Problem
from retivo.database.cursor import kept_cursor
from retivo.logging import caller_address
from tenants.access import keys
from tenants.models import Scope, TenantRole


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """The tenant and the key behind a request; `request.user` of every API view."""

    tenant_id: UUID
    tenant_role: TenantRole
    key_id: UUID
    scopes: frozenset[Scope]  # with all that they include

    is_authenticated: ClassVar[bool] = True

    @property
    def actor(self) -> str:
        """As audit entries name it."""
        return f"api_key:{self.key_id}"


def caller_of(request: Request) -> Caller:
    """Who sent an authenticated request."""
    return cast("Caller", request.user)


# The function's verdicts other than "ok".
_REFUSALS = {
    "expired": (401, "api_key_expired", "This API key has expired."),
    "revoked": (401, "api_key_revoked", "This API key was revoked."),
    "address_not_allowed": (
        403,
        "address_not_allowed",
        "This API key may be used from the networks in its `allowed_cidrs` only, which your address is not in.",
    ),
}
# Why a tenant's keys are refused, as the database's function refusal_of_key has it.
_REFUSED_TENANTS = {
    "tenant_deleting": "This tenant is being deleted; nothing was read or changed.",
    "tenant_suspended": "This tenant was suspended by its partner; nothing was read or changed.",
    "partner_suspended": "The partner of this tenant is suspended; nothing was read or changed.",
    "suspended_by_staff": "This tenant was suspended by Retivo's staff; nothing was read or changed.",
}


@cache  # of 15 scopes, a key holds few
def _included(scopes: tuple[str, ...]) -> frozenset[Scope]:
    """All that these scopes allow. One that this release does not know allows nothing."""
    known = (Scope(scope) for scope in scopes if scope in Scope)
    return frozenset().union(*(scope.included for scope in known))


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A question that is asked in the same statement as the look-up of the key.

    `sql` is a SELECT of at most one row, whose first column is never null. It names `caller.tenant_id`, and so runs
    after the look-up has set the context; if it ran before, row-level security would show it nothing.
    """

    sql: str
    parameters: dict[str, Any]


def read_key(text: str) -> bytes:
    """The digest by which the key that was sent as `text` is looked up; the text itself is not kept.

    Raises:
        Problem: 401 with no key, with one that is malformed, or with a test key: earlier releases issued those for
            tenants that meter and send for real.
    """
    if not text:
        raise _unauthorized("api_key_missing", "Send your API key as `Authorization: Bearer rt_live_…`.")
    if not keys.is_well_formed(text):
        raise _unauthorized("api_key_malformed", "This is not an API key: its form or its checksum is wrong.")
    if keys.is_test(text):
        raise _unauthorized("api_key_test", "A test key belongs to a test tenant, and this tenant is not one.")
    return keys.digest(text)


def bearer_text(request: HttpRequest | Request) -> str:
    """The key as it was sent, or nothing."""
    scheme, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


class Found(NamedTuple):
    """What is known of a key that was issued.

    `partner_id` is whose customer the tenant is, if that was asked; `notes_use` says that this transaction has the note
    that the key was used, which goes with it if it is rolled back; `answer` is the row that answers the query;
    `refusal` is why a tenant that is suspended or being deleted is refused, since when, and the reason that was given.
    """

    verdict: str
    key_id: UUID
    tenant_id: UUID
    tenant_role: str
    scopes: list[str]
    partner_id: UUID | None
    notes_use: bool
    answer: tuple[Any, ...] | None
    refusal: tuple[str | None, datetime | None, str | None] | None

    def caller(self) -> Caller:
        """Who sent it.

        Raises:
            Problem: 401 with a key that is expired or revoked; 403 from an address that it does not allow, and for a
                tenant that is suspended or being deleted.
        """
        if self.refusal is not None:
            raise _refused(*self.refusal)
        if self.verdict != "ok":
            status, code, detail = _REFUSALS[self.verdict]
            raise _unauthorized(code, detail) if status == 401 else Problem(status, code, detail)
        structlog.contextvars.bind_contextvars(tenant_id=str(self.tenant_id))
        return Caller(
            tenant_id=self.tenant_id,
            tenant_role=TenantRole(self.tenant_role),
            key_id=self.key_id,
            scopes=_included(tuple(self.scopes)),
        )


def look_up(
    digest: bytes, query: Query | None = None, *, asks_partner: bool = False, address: str | None = None
) -> Found:
    """What is known of the key with this digest; its use is noted, to the minute.

    Must run inside the transaction that the request's work is done in.

    Args:
        address: where the request came from, if it is no longer being answered.

    Raises:
        Problem: 401 if no such key was issued.
    """
    row = _look_up(digest, query, asks_partner=asks_partner, address=address or caller_address())
    if row is None:
        raise _unauthorized("api_key_unknown", "There is no such API key.")
    answer = row[_OWN:]
    refusal = _refusal(digest) if row[0] == "suspended" else None
    found = Found._make((*row[:_OWN], answer if answer and answer[0] is not None else None, refusal))
    structlog.contextvars.bind_contextvars(key_id=str(found.key_id))
    return found


_OWN = len(Found._fields) - 2


def _refusal(digest: bytes) -> tuple[str | None, datetime | None, str | None]:
    cursor = kept_cursor()
    cursor.execute("SELECT * FROM refusal_of_key(%s)", [digest])
    refusal: tuple[str | None, datetime | None, str | None] = cursor.fetchone()
    return refusal


def note_use(digest: bytes) -> None:
    """Note that a key was used by a request whose transaction was rolled back. In a transaction of its own."""
    _look_up(digest, None, asks_partner=False, address=caller_address())


def key_context(digest: bytes) -> Callable[[], AbstractContextManager[None]]:
    """Makes transactions that see what the key's tenant may see, for an answer that is still read after its request's.

    Each raises Problem if the key is not let in any more, from where the request came.
    """
    address = caller_address()

    @contextmanager
    def context() -> Iterator[None]:
        with transaction.atomic(durable=True):
            look_up(digest, address=address).caller()
            yield

    return context


def _look_up(digest: bytes, query: Query | None, *, asks_partner: bool, address: str | None) -> tuple[Any, ...] | None:
    parameters: dict[str, Any] = {"digest": digest, "address": address, **(query.parameters if query else {})}
    cursor = kept_cursor()
    cursor.execute(_statement(query.sql if query else None, asks_partner=asks_partner), parameters)
    row: tuple[Any, ...] | None = cursor.fetchone()
    return row


@cache  # a view's SQL is always the same
def _statement(sql: str | None, *, asks_partner: bool) -> str:
    columns = f"caller.*, {_PARTNER if asks_partner else 'NULL'}, {_HAS_WRITTEN}"
    look_up = "FROM authenticate_api_key(%(digest)s, %(address)s::inet) AS caller"
    if sql is None:
        return f"SELECT {columns} {look_up}"
    return f"SELECT {columns}, answer.* {look_up} LEFT JOIN LATERAL ({sql}) AS answer ON caller.verdict = 'ok'"


# The look-up is the transaction's first statement, and writes nothing but the note of a use.
_HAS_WRITTEN = "pg_current_xact_id_if_assigned() IS NOT NULL"
_PARTNER = "(SELECT t.parent_id FROM tenants_tenant t WHERE t.id = caller.tenant_id)"


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer rt_live_…`, as DRF and the API's description know it; views call `look_up`."""

    def authenticate(self, request: Request) -> tuple[Caller, tuple[Any, ...] | None]:
        found = look_up(read_key(bearer_text(request)))
        return found.caller(), found.answer

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def _refused(code: str | None, since: datetime | None, reason: str | None) -> Problem:
    """403, with what was told; without a code it was lifted a moment ago."""
    code = code or "tenant_suspended"
    return Problem(403, code, _REFUSED_TENANTS[code], extra={"since": since, "reason": reason})


def _unauthorized(code: str, detail: str) -> Problem:
    return Problem(401, code, detail, headers={"WWW-Authenticate": "Bearer"})
