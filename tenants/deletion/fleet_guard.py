"""A key that leaked, or a program that went wrong, must not delete a partner's customers one after another.

Above `max(10, 2 %)` of them in 24 hours a deletion needs two keys: the first is answered with a token, and the second
sends it. Whoever has one key can issue others, so the second is a day old, and was not issued by the first. The token
is for one customer, for an hour.
"""

from datetime import timedelta
from uuid import UUID

import msgspec
from cryptography.fernet import InvalidToken
from django.db import connection
from django.utils import timezone

from retivo import encryption
from retivo.api.errors import FieldError, Problem
from retivo.api.json import encode

FEW = 10
PERCENT = 2
WITHIN = timedelta(hours=24)
TOKEN_SECONDS = 3600

_PURPOSE = "fleet_guard"


class _Token(msgspec.Struct, frozen=True):
    purpose: str
    customer_id: UUID
    key_id: UUID
    issued_at: float  # seconds since 1970


def check(*, partner_id: UUID, customer_id: UUID, key_id: UUID, confirm_token: str | None) -> None:
    """Let one more deletion of the partner's pass, whose row the caller has locked.

    A token that is sent has to be good, whether one is needed or not.

    Raises:
        Problem: 409 `fleet_guard` with a `confirm_token` if there are many; 400 for a token that is not for this
            customer, or is too old; 403 `second_key_required` if the same key sends it, one that it issued, or one that
            is younger than a day.
    """
    if confirm_token is not None:
        _check_token(confirm_token, customer_id=customer_id, key_id=key_id)
        return
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"partner_id": partner_id, "within": str(WITHIN), "few": FEW})
        deletions, customers = cursor.fetchone()
    limit = max(FEW, customers * PERCENT // 100)
    if deletions < limit:
        return
    token = _Token(_PURPOSE, customer_id, key_id, timezone.now().timestamp())
    raise Problem(
        409,
        "fleet_guard",
        f"You deleted {deletions} customers in 24 hours; {limit} may go without confirmation. "
        "Send `confirm_token` with another API key of yours to delete this one.",
        extra={
            "current": deletions,
            "limit": limit,
            "confirm_token": encryption.encrypt(encode(token)).decode(),
            "expires_in": TOKEN_SECONDS,
        },
    )


def _check_token(text: str, *, customer_id: UUID, key_id: UUID) -> None:
    try:
        token = msgspec.json.decode(encryption.decrypt(text.encode()), type=_Token)
    except (InvalidToken, msgspec.MsgspecError):
        raise _no_token() from None
    age = timezone.now().timestamp() - token.issued_at
    if token.purpose != _PURPOSE or token.customer_id != customer_id or age > TOKEN_SECONDS:
        raise _no_token()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT created_at < now() - %s::interval AND created_by IS DISTINCT FROM %s"
            " FROM tenants_apikey WHERE id = %s",
            [str(WITHIN), f"api_key:{token.key_id}", key_id],
        )
        (is_of_its_own,) = cursor.fetchone()
    if token.key_id == key_id or not is_of_its_own:
        detail = "Confirm this with another API key: one issued at least 24 hours ago, and not by the first key."
        raise Problem(403, "second_key_required", detail)


def _no_token() -> Problem:
    detail = "This token is not valid for this deletion, or is more than an hour old. Send no token to get another."
    error = FieldError(pointer="/confirm_token", code="invalid_confirm_token", detail=detail)
    return Problem(400, "validation_failed", f"/confirm_token: {detail}", errors=[error])


# Those of a family by their index; customers are counted where that matters.
_COUNT = """
    WITH recent AS MATERIALIZED (
        SELECT count(*) AS deletions FROM tenants_deletion
        WHERE owner_id = %(partner_id)s AND requested_at > now() - %(within)s::interval AND status <> 'cancelled'
    )
    SELECT deletions, CASE WHEN deletions < %(few)s THEN 0 ELSE (
        SELECT count(*) FROM tenants_tenant WHERE parent_id = %(partner_id)s
    ) END FROM recent
"""
