import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from events import partitions
from tenants.config import RETENTION_DAYS
from tests.conftest import Api, database_url
from tests.events.cast import event, track
from tests.owner import as_owner

RING_SECONDS = 2 * 24 * 3600


def maintain() -> str:
    output = io.StringIO()
    call_command("maintain_events", stdout=output)
    return output.getvalue().strip()


def month(ahead: int) -> date:
    today = datetime.now(UTC).date()
    index = today.year * 12 + today.month - 1 + ahead
    return date(index // 12, index % 12 + 1, 1)


def partition(kept_days: int, first_day: date) -> str:
    return f"events_event_{kept_days}_{first_day:%Y_%m}"


@contextmanager
def old_partition(kept_days: int, first_day: date) -> Iterator[str]:
    name = partition(kept_days, first_day)
    longer = next((days for days in RETENTION_DAYS if days > kept_days), "MAXVALUE")
    made = not exists(name)  # on a 31st, 30 days ago was this month
    if made:
        as_owner(
            f"CREATE TABLE {name} PARTITION OF events_event"
            f" FOR VALUES FROM ('{first_day}', {kept_days}) TO ('{first_day}', {longer})"
        )
    try:
        yield name
    finally:
        if made:
            as_owner(f"DROP TABLE IF EXISTS {name}")


def exists(name: str) -> bool:
    return bool(as_owner("SELECT to_regclass(%s) IS NOT NULL", name)[0][0])


@pytest.mark.parametrize("kept_days", RETENTION_DAYS)
def test_maintain__after_migrating__has_this_month_and_three_more(acme: Api, kept_days: int) -> None:
    assert [exists(partition(kept_days, month(ahead))) for ahead in range(4)] == [True] * 4
    assert maintain() == "partitions made: 0, dropped: 0, emptied: 0, forgotten: 0"


def test_maintain__late__moves_what_the_default_partition_caught(acme: Api) -> None:
    late = month(2)
    as_owner(f"DROP TABLE {partition(90, late)}")
    as_owner(
        "INSERT INTO events_event"
        " (month, retention_days, tenant_id, received_at, timestamp, user_id, name, source, properties)"
        " VALUES (%s, 90, %s, %s, now(), 'u', 'e', 'test', '{}')",
        late,
        acme.tenant_id,
        late,
    )
    assert as_owner("SELECT count(*) FROM events_event_default") == [(1,)]

    assert maintain() == "partitions made: 1, dropped: 0, emptied: 0, forgotten: 0"

    assert as_owner("SELECT count(*) FROM events_event_default") == [(0,)]
    assert as_owner(f"SELECT count(*) FROM {partition(90, late)}") == [(1,)]


@pytest.mark.parametrize("kept_days", RETENTION_DAYS)
def test_maintain__month_past_its_retention__is_dropped_and_the_others_stay(acme: Api, kept_days: int) -> None:
    # A month goes when its last day is past its time.
    oldest_kept = (datetime.now(UTC).date() - timedelta(days=kept_days)).replace(day=1)
    newest_gone = (oldest_kept - timedelta(days=1)).replace(day=1)
    with old_partition(kept_days, newest_gone) as gone, old_partition(kept_days, oldest_kept) as kept:
        maintain()
        assert (exists(gone), exists(kept)) == (False, True)


# --- Indexes --------------------------------------------------------------------------------------------------------

_INDEX_OF_EACH = import_module("events.migrations.0020_index_of_a_month")._INDEX_OF_EACH

_INDEXES = """
    SELECT array_agg(a.attname ORDER BY k.n) FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS k (attnum, n)
    JOIN pg_attribute a ON a.attrelid = %s::regclass AND a.attnum = k.attnum
    WHERE i.indrelid = %s::regclass GROUP BY i.indexrelid
"""


def indexes_of(name: str) -> list[list[str]]:
    return [columns for (columns,) in as_owner(_INDEXES, name, name)]


def test_index__of_a_new_partition__is_without_the_timestamp(acme: Api) -> None:
    late = partition(90, month(3))
    as_owner(f"DROP TABLE {late}")
    maintain()

    of_each = [["tenant_id", "received_at"], ["tenant_id", "user_id"]]
    assert sorted(indexes_of(late)) == sorted(indexes_of("events_event_default")) == of_each


def test_index__of_partitions_with_rows_at_the_upgrade__stays_and_so_do_the_rows(merchant: Api) -> None:
    with transaction.atomic(using="owner"):
        for name in [partition(90, month(0)), partition(90, month(1))]:  # as they were before the upgrade
            as_owner(f"DROP INDEX {name}_tenant_id_user_id_idx")
        as_owner("CREATE INDEX event_of_user ON events_event (tenant_id, user_id, timestamp)")
        as_owner(
            "INSERT INTO events_event (tenant_id, timestamp, user_id, name, source, properties, retention_days, month)"
            " VALUES (%s, now(), 'u', 'e', 'test', '{}', 90, %s)",
            merchant.tenant_id,
            month(0),
        )
        as_owner(_INDEX_OF_EACH)

        received = ["tenant_id", "received_at"]
        assert sorted(indexes_of(partition(90, month(0)))) == [received, ["tenant_id", "user_id", "timestamp"]]
        assert sorted(indexes_of(partition(90, month(1)))) == [received, ["tenant_id", "user_id"]]
        assert as_owner("SELECT count(*) FROM events_event") == [(1,)]
        transaction.set_rollback(True, using="owner")


# --- Rings of idempotency keys --------------------------------------------------------------------------------------


def keys_of_rings(*turns: int) -> None:
    """A key in the ring that is so many turns away."""
    for turn in turns:
        as_owner(
            "INSERT INTO events_storedkey (tenant_id, key) SELECT gen_random_uuid(),"
            " (key_ring(now() + %s * interval '2 days') || repeat('0', 28))::uuid",
            turn,
        )


def rings_left() -> set[int]:
    return {
        turn
        for (turn,) in as_owner(
            "SELECT turn FROM events_storedkey JOIN generate_series(-9, 0) AS turn"
            " ON left(key::text, 4) = key_ring(now() + turn * interval '2 days')"
        )
    }


def test_maintain__rings__empties_those_that_are_over_and_keeps_this_one_and_the_one_before(acme: Api) -> None:
    keys_of_rings(0, -1, -2, -3)

    maintain()

    # In a ring's last hour the next one may be written to already.
    last_hour = time.time() % RING_SECONDS > RING_SECONDS - 3600
    assert rings_left() == ({0, -1, -3} if last_hour else {0, -1})


def test_maintain__rings_that_were_missed_for_days__are_emptied_when_their_turn_is_over(acme: Api) -> None:
    keys_of_rings(0, -1, -4, -5, -6)

    maintain()

    # What lies in a ring that is in use stays with it, and is in nobody's way.
    assert rings_left() == {0, -1, -4, -5}


def test_maintain__after_six_days_without__a_key_of_six_days_ago_is_new(merchant: Api) -> None:
    hash_of_key = "key_hash(%s, substring(sha256('k'::bytea) FOR 16))"
    for days in (6, 8, 16):
        as_owner(
            f"INSERT INTO events_storedkey (tenant_id, key)"
            f" SELECT %s, (key_ring(now() - %s * interval '1 day') || {hash_of_key})::uuid",
            merchant.tenant_id,
            days,
            merchant.tenant_id,
        )

    assert track(merchant, event(idempotency_key="k"))["accepted"] == 1
    assert track(merchant, event(idempotency_key="k"))["duplicates"] == 1


# --- A reader that stays ---------------------------------------------------------------------------------------------


@contextmanager
def reader(*tables: str) -> Iterator[psycopg.Connection[Any]]:
    """A backup, say: it has read the tables and keeps its transaction open."""
    with psycopg.connect(database_url("owner")) as connection:
        for table in tables:
            connection.execute(f"SELECT count(*) FROM {table}")
        yield connection


def test_maintain__while_a_reader_holds_the_keys__says_so_and_does_the_other_jobs(
    merchant: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "PAUSES", (0.01,))
    late = partition(90, month(2))
    as_owner(f"DROP TABLE {late}")
    keys_of_rings(-2)
    with reader("events_storedkey"):
        with pytest.raises(CommandError, match="empty_key_ring"):
            maintain()
        assert exists(late)

    maintain()
    assert rings_left() == set()


def test_maintain__reader_that_ends_within_the_round__is_waited_for(acme: Api) -> None:
    keys_of_rings(-2)
    with ThreadPoolExecutor(1) as thread:
        with reader("events_storedkey"):
            round = thread.submit(_maintain_and_hang_up)
            time.sleep(0.3)
            assert not round.done()
        assert "emptied: 1" in round.result(30)


def _maintain_and_hang_up() -> str:
    try:
        return maintain()
    finally:
        connection.close()


def test_track__behind_a_job_that_waits_for_a_reader__waits_no_longer_than_the_job(merchant: Api) -> None:
    track(merchant, event())
    keys_of_rings(-2)
    with reader("events_storedkey", "events_event"), ThreadPoolExecutor(1) as thread:
        round = thread.submit(_fails)
        waited = []
        while not round.done():
            began = time.monotonic()
            assert track(merchant, event(idempotency_key=str(began)))["accepted"] == 1
            waited.append(time.monotonic() - began)
        assert round.result() == "busy"
    assert max(waited) < 2  # five seconds it was


def _fails() -> str:
    try:
        maintain()
    except CommandError:
        return "busy"
    finally:
        connection.close()
    return "done"
