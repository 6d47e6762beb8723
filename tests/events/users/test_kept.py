"""The list of tables that keep something of a user, against the database's own."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from events.users.kept import tables
from tests.owner import as_owner, owner_cursor

# Staff's own, and what hangs on no end user.
_OTHERS_USERS = "^(auth|django|axes|otp|procrastinate)_"

_WITH_A_USER = f"""
    SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname IN ('user_id', 'about')
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname !~ '{_OTHERS_USERS}'
"""

_HANG_ON_THE_USER = """
    WITH RECURSIVE hanging (oid) AS (
        SELECT 'events_trackeduser'::regclass::oid
        UNION
        SELECT f.conrelid FROM pg_constraint f JOIN hanging h ON f.confrelid = h.oid
        WHERE f.contype = 'f' AND f.confdeltype = 'c'
    )
    SELECT c.relname FROM hanging JOIN pg_class c USING (oid)
    WHERE NOT c.relispartition AND c.relname <> 'events_trackeduser'
"""


def asked(sql: str) -> set[str]:
    return {name for (name,) in as_owner(sql)}


def listed(*, hanging: bool | None = None) -> set[str]:
    return {table.table for table in tables() if hanging in (None, table.hangs_on_user)}


@contextmanager
def later(definition: str) -> Iterator[None]:
    with owner_cursor() as cursor:
        cursor.execute(f"CREATE TABLE later ({definition})")
    try:
        yield
    finally:
        as_owner("DROP TABLE later")


def test_list__has_each_table_with_a_user_and_what_hangs_on_them() -> None:
    assert listed() == asked(_WITH_A_USER) | asked(_HANG_ON_THE_USER)
    assert listed(hanging=True) == asked(_HANG_ON_THE_USER)


def test_list__names_each_table_once_by_one_name() -> None:
    assert len({table.name for table in tables()}) == len(listed()) == len(tables())


@pytest.mark.parametrize(
    "definition",
    [
        "tenant_id uuid, user_id text",
        "tenant_id uuid, action_id text, number int, said text,"
        " FOREIGN KEY (tenant_id, action_id, number) REFERENCES delivery_attempt ON DELETE CASCADE",
    ],
)
def test_list__with_a_new_table_that_is_not_on_it__is_found_wanting(definition: str) -> None:
    with later(definition):
        assert (asked(_WITH_A_USER) | asked(_HANG_ON_THE_USER)) - listed() == {"later"}


def test_list__what_hangs_on_the_user__is_also_found_without_it() -> None:
    """As an export does: a key that is wrong would end it in the midst."""
    for table in tables():
        columns = ", ".join(f"t.{column}" for column in table.key)
        as_owner(
            f"SELECT {columns} FROM (SELECT t.*, ctid AS address FROM {table.table} t WHERE {table.of_user}) t"
            f" ORDER BY {columns}",
            user_id="u",
            tenant_id=None,
        )
