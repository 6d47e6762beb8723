"""Who is calling: a bearer key, looked up and turned into a tenant context by one function in the database."""

from functools import cache
from typing import Any, ClassVar, NamedTuple, cast
from uuid import UUID

import msgspec
import structlog
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from retivo.api.errors import Problem
from retivo.database.cursor import kept_cursor
from tenants.access import keys
from tenants.models import Scope, TenantRole


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """The tenant and the key behind a request; `request.user` of every API view."""

    tenant_id: UUID
    tenant_role: TenantRole
    key_id: UUID
    key_prefix: str
    scopes: frozenset[Scope]

    is_authenticated: ClassVar[bool] = True

    @property
    def actor(self) -> str:
        """As audit entries name it."""
        return f"api_key:{self.key_prefix}"


def caller_of(request: Request) -> Caller:
    """Who sent an authenticated request."""
    return cast("Caller", request.user)


# The function's verdicts other than "ok".
_REFUSALS = {
    "expired": (401, "api_key_expired", "This API key has expired."),
    "revoked": (401, "api_key_revoked", "This API key was revoked."),
    "suspended": (403, "tenant_suspended", "This tenant is suspended; nothing was read or changed."),
}


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A question that is asked in the same statement as the look-up of the key.

    `sql` is a SELECT of at most one row, whose first column is never null. It names `caller.tenant_id`, and so runs
    after the look-up has set the context; if it ran before, row-level security would show it nothing.
    """

    sql: str
    parameters: dict[str, Any]


class SentKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that has the form of one, as it is looked up and as it may be shown; the text itself is not kept."""

    digest: bytes
    prefix: str


def read_key(text: str) -> SentKey:
    """The key that was sent as `text`.

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
    return SentKey(digest=keys.digest(text), prefix=keys.prefix(text))


def bearer_text(request: HttpRequest | Request) -> str:
    """The key as it was sent, or nothing."""
    scheme, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


class Found(NamedTuple):
    """Who sent a key, whose customer it is if that was asked, and the row that answers the query, if there is one."""

    caller: Caller
    partner_id: UUID | None
    answer: tuple[Any, ...] | None


def authenticate(key: SentKey, query: Query | None = None, *, asks_partner: bool = False) -> Found:
    """Who sent the key.

    Must run inside the transaction that the request's work is done in.

    Raises:
        Problem: 401 with a key that is unknown, expired or revoked; 403 for a suspended tenant.
    """
    row = _look_up(key.digest, query, asks_partner=asks_partner)
    if row is None:
        raise _unauthorized("api_key_unknown", "There is no such API key.")
    verdict, key_id, tenant_id, tenant_role, scopes, partner_id, *answer = row
    if verdict != "ok":
        status, code, detail = _REFUSALS[verdict]
        raise _unauthorized(code, detail) if status == 401 else Problem(status, code, detail)
    structlog.contextvars.bind_contextvars(tenant_id=str(tenant_id))
    caller = Caller(
        tenant_id=tenant_id,
        tenant_role=TenantRole(tenant_role),
        key_id=key_id,
        key_prefix=key.prefix,
        scopes=frozenset(map(Scope, scopes)),
    )
    return Found(caller, partner_id, tuple(answer) if answer and answer[0] is not None else None)


def _look_up(digest: bytes, query: Query | None, *, asks_partner: bool) -> tuple[Any, ...] | None:
    parameters: dict[str, Any] = {"digest": digest, **(query.parameters if query else {})}
    cursor = kept_cursor()
    cursor.execute(_statement(query.sql if query else None, asks_partner=asks_partner), parameters)
    row: tuple[Any, ...] | None = cursor.fetchone()
    return row


@cache  # a view's SQL is always the same
def _statement(sql: str | None, *, asks_partner: bool) -> str:
    columns = f"caller.*, {_PARTNER if asks_partner else 'NULL'}"
    look_up = "FROM authenticate_api_key(%(digest)s) AS caller"
    if sql is None:
        return f"SELECT {columns} {look_up}"
    return f"SELECT {columns}, answer.* {look_up} LEFT JOIN LATERAL ({sql}) AS answer ON caller.verdict = 'ok'"


_PARTNER = "(SELECT t.parent_id FROM tenants_tenant t WHERE t.id = caller.tenant_id)"


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer rt_live_…`, as DRF and the API's description know it; views call `authenticate`."""

    def authenticate(self, request: Request) -> tuple[Caller, tuple[Any, ...] | None]:
        found = authenticate(read_key(bearer_text(request)))
        return found.caller, found.answer

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def _unauthorized(code: str, detail: str) -> Problem:
    return Problem(401, code, detail, headers={"WWW-Authenticate": "Bearer"})
