"""What is to be done next for a user, as the room that decides it writes it into the user's row."""

from typing import Any
from uuid import UUID

from django.db import connection


def hold_off_erasure(*, tenant_id: UUID) -> None:
    """Until the transaction ends. Before anything of a user is written outside their row, as `track` does it."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLD_OFF_ERASURE, {"tenant_id": tenant_id})


def lock_users(*, tenant_id: UUID, users: str) -> None:
    """Lock users' rows in their order, so that what is read next is still so when it is written.

    Args:
        users: a JSON array of ids.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, {"tenant_id": tenant_id, "users": users})


def set_next_actions(*, tenant_id: UUID, next_actions: str) -> None:
    """Write them where they changed. The users are locked.

    Args:
        next_actions: a JSON array of `{"user_id", "next_action": {"channel", "status", "playbook"} or null}`.
    """
    parameters: dict[str, Any] = {"tenant_id": tenant_id, "next_actions": next_actions}
    with connection.cursor() as cursor:
        cursor.execute(_SET, parameters)


_HOLD_OFF_ERASURE = (
    "SELECT pg_advisory_xact_lock_shared(hashtextextended('retivo.erase:' || %(tenant_id)s::uuid::text, 0))"
)

_LOCK = """
    SELECT FROM events_trackeduser
    WHERE tenant_id = %(tenant_id)s AND user_id = ANY(ARRAY(SELECT jsonb_array_elements_text(%(users)s::jsonb)))
    ORDER BY user_id FOR NO KEY UPDATE
"""

_SET = """
    UPDATE events_trackeduser u SET next_action = n.next_action
    FROM jsonb_to_recordset(%(next_actions)s::jsonb) AS n (user_id text, next_action jsonb)
    WHERE u.tenant_id = %(tenant_id)s AND u.user_id = n.user_id AND u.next_action IS DISTINCT FROM n.next_action
"""
