"""The data plane can be distributed by `tenant_id` (Citus): every key and constraint of its tables contains it."""

import pytest

from tests.owner import as_owner

# Tables of the control plane: small, and everywhere the same. All others are the data plane. What is released of many
# tenants is of none.
CONTROL_PLANE = (
    "tenants_%",
    "integrations_%",
    "delivery_webhook%",  # partners' own, as these
    "delivery_recovery",
    "delivery_certification",
    "events_reachedthreshold",
    "learning_release",
    "learning_pattern",
    "learning_noisysum",
    "procrastinate_%",
    "django_%",
    "auth_%",
    "axes_%",
    "otp_%",
    "retivo_seal",
    "otp_%",
)


# Their keys are hashes with the tenant in them, or numbers of one sequence.
UNIQUE_ANYWAY = ("events_storedkey", "delivery_actionchange")


def _ask(sql: str, **parameters: object) -> list[tuple[str, ...]]:
    return list(as_owner(sql, control_plane=list(CONTROL_PLANE), **parameters))


_DATA_PLANE = """
    SELECT c.oid, c.relname, a.attnum FROM pg_class c
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND c.relname NOT LIKE ALL(%(control_plane)s)
"""


def test_data_plane__every_table__has_a_tenant() -> None:
    tables = _ask(f"SELECT relname, attnum IS NOT NULL FROM ({_DATA_PLANE}) t")

    assert {"events_event", "events_storedkey", "events_trackeduser"} <= {name for name, _ in tables}
    assert [name for name, has_tenant in tables if not has_tenant] == []


@pytest.mark.parametrize(("kind", "what"), [("p", "primary"), ("u", "unique"), ("f", "foreign")])
def test_data_plane__every_key__contains_the_tenant(kind: str, what: str) -> None:
    keys = _ask(
        f"SELECT t.relname, k.conname, t.attnum = ANY(k.conkey) FROM ({_DATA_PLANE}) t"
        f" JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = '{kind}'"
        " WHERE t.relname <> ALL(%(unique)s)",
        unique=list(UNIQUE_ANYWAY),
    )

    assert keys or what == "unique"
    assert [name for *name, contains in keys if not contains] == []


def test_data_plane__every_unique_index__contains_the_tenant() -> None:
    indexes = _ask(
        f"SELECT i.indexrelid::regclass::text, t.attnum = ANY(i.indkey::int2[]) FROM ({_DATA_PLANE}) t"
        " JOIN pg_index i ON i.indrelid = t.oid AND i.indisunique WHERE t.relname <> ALL(%(unique)s)",
        unique=list(UNIQUE_ANYWAY),
    )

    assert indexes
    assert [name for name, contains in indexes if not contains] == []


def test_data_plane__foreign_keys__stay_with_their_tenant() -> None:
    """To the control plane, which every host has, or to a row of the same tenant: tenant_id against tenant_id."""
    keys = _ask(
        "SELECT k.conname FROM pg_constraint k"
        f" JOIN ({_DATA_PLANE}) t ON t.oid = k.conrelid JOIN ({_DATA_PLANE}) r ON r.oid = k.confrelid"
        " WHERE k.contype = 'f' AND r.attnum IS DISTINCT FROM k.confkey[array_position(k.conkey, t.attnum)]"
    )

    assert keys == []


def test_data_plane__partitions__are_one_level_deep() -> None:
    """Citus distributes no partitioned table whose partitions are partitioned again."""
    nested = _ask(
        "SELECT relname FROM pg_class"
        " WHERE relkind = 'p' AND relispartition AND relname NOT LIKE ALL(%(control_plane)s)"
    )

    assert nested == []
