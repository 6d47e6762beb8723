"""Keys, read: as each answer shows them."""

from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from retivo.api.pagination import Cursor, cut


def rfc3339(column: str) -> str:
    """SQL of a time as answers write it."""
    return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


_REPLACED_BY = "(SELECT s.id FROM tenants_apikey s WHERE s.replaces_id = k.id)"

# The status of a key `k`.
STATUS = f"""CASE
        WHEN k.revoked_at IS NOT NULL THEN 'revoked'
        WHEN k.expires_at <= clock_timestamp() THEN 'expired'
        WHEN {_REPLACED_BY} IS NOT NULL THEN 'expiring'
        ELSE 'active'
    END"""

# A key `k` as `tenants.serializers.ApiKeySerializer` describes it.
SHOWN = f"""json_build_object(
    'id', k.id, 'prefix', k.prefix, 'label', k.label, 'mode', k.mode,
    'status', {STATUS},
    'scope', array_to_string(k.scopes, ' '), 'scopes', k.scopes, 'allowed_cidrs', k.allowed_cidrs,
    'created_at', {rfc3339("k.created_at")},
    'created_by', CASE
        WHEN starts_with(k.created_by, 'api_key:')
            THEN json_build_object('type', 'api_key', 'id', substr(k.created_by, 9))
        WHEN k.created_by IS NOT NULL THEN json_build_object('type', 'staff', 'id', NULL)
    END,
    'last_used_at', {rfc3339("k.last_used_at")}, 'last_used_ip_prefix', k.last_used_ip_prefix,
    'expires_at', {rfc3339("k.expires_at")},
    'revoked_at', {rfc3339("k.revoked_at")}, 'revoked_reason', k.revoked_reason,
    'replaces', k.replaces_id, 'replaced_by', {_REPLACED_BY}
)"""

_COLUMNS = (
    "id, prefix, label, mode, scopes, allowed_cidrs, created_at, created_by, last_used_at, last_used_ip_prefix,"
    " expires_at, revoked_at, revoked_reason, replaces_id"
)

# The newest 100 keys of a tenant `t`, oldest of them first: a JSON array as text.
NEWEST = f"""(
    SELECT coalesce(json_agg({SHOWN} ORDER BY k.created_at, k.id), '[]')::text FROM (
        SELECT {_COLUMNS} FROM tenants_apikey WHERE tenant_id = t.id ORDER BY created_at DESC, id DESC LIMIT 100
    ) k
)"""


def list_keys(*, tenant_id: UUID, limit: int, after: Cursor | None) -> dict[str, Any]:
    """The tenant's keys, oldest first, with `total` on all pages."""
    asked: dict[str, Any] = {
        "tenant_id": tenant_id,
        "limit": limit + 1,
        "after_created_at": after and after.created_at,
        "after_id": after and after.id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LIST, asked)
        rows, next_cursor = cut(cursor.fetchall(), limit, lambda row: (row[0], row[1]))
        cursor.execute("SELECT count(*) FROM tenants_apikey WHERE tenant_id = %(tenant_id)s", asked)
        (total,) = cursor.fetchone()
    return {
        "api_keys": [msgspec.json.decode(shown) for _, _, shown in rows],
        "total": total,
        "next_cursor": next_cursor,
    }


def show(key_id: UUID, *, tenant_id: UUID) -> dict[str, Any] | None:
    """One key of the tenant; None if it has none with this id."""
    with connection.cursor() as cursor:
        cursor.execute(_ONE, {"tenant_id": tenant_id, "key_id": key_id})
        row = cursor.fetchone()
    return None if row is None else msgspec.json.decode(row[0])


def newest(*, tenant_id: UUID) -> list[dict[str, Any]]:
    """The tenant's newest keys, oldest of them first."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {NEWEST} FROM (SELECT %s::uuid AS id) t", [tenant_id])
        shown: list[dict[str, Any]] = msgspec.json.decode(cursor.fetchone()[0])
    return shown


_LIST = f"""
    SELECT k.created_at, k.id, {SHOWN}::text FROM tenants_apikey k
    WHERE k.tenant_id = %(tenant_id)s
      AND (%(after_created_at)s::timestamptz IS NULL
           OR (k.created_at, k.id) > (%(after_created_at)s, %(after_id)s::uuid))
    ORDER BY k.created_at, k.id LIMIT %(limit)s
"""

_ONE = f"SELECT {SHOWN}::text FROM tenants_apikey k WHERE k.tenant_id = %(tenant_id)s AND k.id = %(key_id)s"
