"""The tables that keep something of a user: one list, by which a user is erased and exported.

A room above this one says what it keeps by `register`, from its `AppConfig.ready`. `tests/events/users/test_kept.py`
compares the list with the catalogue, so that no table can be forgotten.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from retivo import encryption
from retivo.api.json import encode


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A table with rows of a user, called `t` in all that is SQL here.

    Args:
        name: of the rows in an export.
        key: columns of which no two rows of a user have the same, in the order that an index has them, if one has.
            `address` is where the row lies, which stays as it is where rows are never updated.
        of_user: the condition for the user's rows, beside the tenant's.
        hangs_on_user: a foreign key deletes the rows with the user; else erasure does.
        without: columns that say nothing of the user.
        read: makes of a row, which is JSON, what the export shows of it.
    """

    name: str
    table: str
    key: tuple[str, ...]
    of_user: str = "t.user_id = %(user_id)s"
    hangs_on_user: bool = True
    without: tuple[str, ...] = ()
    read: Callable[[str], str | bytes] = str


USER = "user"


def register(*tables: Kept) -> None:
    """Add tables of a room above this one."""
    _TABLES.extend(tables)


def tables() -> Sequence[Kept]:
    """All of them, in the order of erasure: rows that hang on nothing before the user, and what hangs on it after."""
    return tuple(_TABLES)


def _answer(row: str) -> bytes:
    """What was answered, decrypted."""
    members: dict[str, Any] = msgspec.json.decode(row)
    token = bytes.fromhex(members["body"].removeprefix("\\x"))
    return encode({**members, "body": msgspec.Raw(encryption.decrypt(token))})


# The tenant's months first, each found in the index behind the one before: the key has the month before the user.
_IN_ANY_MONTH = """t.user_id = %(user_id)s AND t.month IN (
    WITH RECURSIVE active (month) AS (
        SELECT min(month) FROM events_monthlyactivity WHERE tenant_id = %(tenant_id)s
        UNION ALL
        SELECT (SELECT min(a.month) FROM events_monthlyactivity a
                 WHERE a.tenant_id = %(tenant_id)s AND a.month > active.month)
        FROM active WHERE active.month IS NOT NULL
    )
    SELECT month FROM active
)"""

_TABLES = [
    Kept(
        name="events",
        table="events_event",
        key=("month", "retention_days", "address"),
        hangs_on_user=False,
    ),
    Kept(
        name="monthly_activity",
        table="events_monthlyactivity",
        key=("month",),
        of_user=_IN_ANY_MONTH,
        hangs_on_user=False,
    ),
    Kept(
        name="rejected_events",
        table="events_rejection",
        key=("rejected_at", "id"),
        hangs_on_user=False,
        without=("ring", "id"),
    ),
    Kept(
        name=USER,
        table="events_trackeduser",
        key=("user_id",),
        hangs_on_user=False,
        without=("search_user_id", "search_name", "search_email", "search_company"),
    ),
    Kept(
        name="idempotent_answers",
        table="tenants_idempotentanswer",
        key=("created_at", "id"),
        of_user="t.about = sha256(convert_to(%(user_id)s, 'UTF8'))",
        hangs_on_user=False,
        without=("id", "key", "fingerprint", "about"),
        read=_answer,
    ),
    Kept(name="stage_changes", table="events_stagechange", key=("changed_at",)),
]
