"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): a retried POST does its work once.

The answer is stored in the transaction that does the work, so there is an answer exactly where there is an effect; a
crash leaves neither. Only successes are stored: a refused request changed nothing and may be tried again. A second
request that arrives while the first runs is told so (409) rather than made to wait.

An answer may hold the text of a new API key, so it is given to the key that asked, or to one that it was rotated to.
"""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from rest_framework.request import Request

from retivo import encryption
from retivo.api.errors import FieldError, Problem

HEADER = "Idempotency-Key"
_IN_META = "HTTP_IDEMPOTENCY_KEY"
KEPT_FOR = timedelta(hours=24)

_PRINTABLE = re.compile(r"[\x21-\x7e]{1,255}").fullmatch


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to answer for a key; held until the transaction ends."""

    tenant_id: UUID
    api_key_id: UUID
    key: str  # its digest
    fingerprint: bytes


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    body: bytes


def claim(request: Request, *, tenant_id: UUID, api_key_id: UUID) -> Claim | Answer | None:
    """The stored answer if there is one, else a claim; None where the request carries no key.

    Raises:
        Problem: 400 for a malformed key, 409 while another request holds it, 422 if it was used for another request or
            with another API key.
    """
    key = _key(request)
    if key is None:
        return None
    claim = Claim(tenant_id=tenant_id, api_key_id=api_key_id, key=digest(key), fingerprint=_fingerprint(request))
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, {"tenant_id": tenant_id, "key": claim.key})
        if not cursor.fetchone()[0]:
            raise Problem(409, "idempotency_key_in_use", "A request with this Idempotency-Key is still running.")
        # After the lock, in a statement of its own: its snapshot must see what the holder before committed.
        sought: dict[str, Any] = {
            "tenant_id": tenant_id,
            "key": claim.key,
            "api_key_id": api_key_id,
            "kept_for": str(KEPT_FOR),
        }
        cursor.execute(_FIND, sought)
        stored = cursor.fetchone()
    if stored is None:
        return claim
    fingerprint, status, body, is_own = stored
    if bytes(fingerprint) != claim.fingerprint:
        raise Problem(422, "idempotency_key_reused", "This Idempotency-Key was used for another request.")
    if not is_own:
        raise Problem(422, "idempotency_key_reused", "This Idempotency-Key was used with another API key.")
    return Answer(status=status, body=encryption.decrypt(bytes(body)))


def store(claim: Claim, answer: Answer, *, about: str | None = None, customers: Collection[str] = ()) -> None:
    """Keep the answer, and drop a few of the tenant's that are past their time.

    Args:
        about: the id of the user whose data the answer holds. Erasure and export find it by that.
        customers: what names customers of a partner in the answer; the deletion of one finds it by that.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _STORE,
            {
                "tenant_id": claim.tenant_id,
                "api_key_id": claim.api_key_id,
                "key": claim.key,
                "fingerprint": claim.fingerprint,
                "status": answer.status,
                "body": encryption.encrypt(answer.body),
                "about": None if about is None else hash_of(about),
                "customers": [hash_of(name) for name in customers] or None,
                "kept_for": str(KEPT_FOR),
            },
        )


def digest(key: str) -> str:
    """As a key is stored."""
    return hash_of(key).hex()


def hash_of(name: str) -> bytes:
    """SHA-256 of a key or of what is kept beside an answer: who or what the answer names."""
    return hashlib.sha256(name.encode()).digest()


_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended(%(tenant_id)s::text || ' ' || %(key)s, 0))"

# Which key asked is not known of answers that the release before stored.
_FIND = """
    SELECT fingerprint, status, body, api_key_id IS NULL OR %(api_key_id)s IN (
        WITH RECURSIVE successor AS (
            SELECT api_key_id AS id UNION SELECT k.id FROM tenants_apikey k JOIN successor s ON k.replaces_id = s.id
        )
        SELECT id FROM successor
    )
    FROM tenants_idempotentanswer
    WHERE tenant_id = %(tenant_id)s AND key = %(key)s AND created_at > now() - %(kept_for)s::interval
"""

_STORE = """
    WITH expired AS (
        DELETE FROM tenants_idempotentanswer WHERE id IN (
            SELECT id FROM tenants_idempotentanswer
            WHERE tenant_id = %(tenant_id)s AND key <> %(key)s AND created_at <= now() - %(kept_for)s::interval
            ORDER BY created_at LIMIT 10 FOR UPDATE SKIP LOCKED
        )
    )
    INSERT INTO tenants_idempotentanswer (tenant_id, api_key_id, key, fingerprint, status, body, about, customers)
    VALUES (%(tenant_id)s, %(api_key_id)s, %(key)s, %(fingerprint)s, %(status)s, %(body)s, %(about)s,
        %(customers)s::bytea[])
    ON CONFLICT (tenant_id, key) DO UPDATE SET
        api_key_id = excluded.api_key_id, fingerprint = excluded.fingerprint, status = excluded.status,
        body = excluded.body, about = excluded.about, customers = excluded.customers, created_at = now()
"""


def _key(request: Request) -> str | None:
    value: str | None = request.META.get(_IN_META)
    if value is None:
        return None
    # A structured-field string (RFC 8941) is quoted; most clients send it bare.
    key = value[1:-1] if len(value) >= 2 and value[0] == value[-1] == '"' else value
    # Two headers are sent on as one, with a comma and a blank, or quotes, between them: see gunicorn.conf.py.
    if not _PRINTABLE(key) or (key is not value and '"' in key):
        detail = f"{HEADER} is one header of 1 to 255 printable ASCII characters without spaces."
        error = FieldError(pointer=f"/{HEADER}", code="invalid_idempotency_key", detail=detail)
        raise Problem(400, "invalid_idempotency_key", detail, errors=[error])
    return key


def _fingerprint(request: Request) -> bytes:
    """Of what was asked: method, path and the raw body."""
    return hashlib.sha256(b"\0".join([str(request.method).encode(), request.path.encode(), request.body])).digest()
