import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import call_command

from events.ingestion import policy
from tenants.config import RETENTION_DAYS
from tests.conftest import Api
from tests.owner import as_owner


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
    assert maintain() == "partitions made: 0, dropped: 0"


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

    assert maintain() == "partitions made: 1, dropped: 0"

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


def test_maintain__rings__forgets_the_one_that_is_next_and_keeps_the_others(acme: Api) -> None:
    ring = policy.ring(datetime.now(UTC))
    for number in range(3):
        as_owner(
            "INSERT INTO events_eventkey (tenant_id, key, ring) VALUES (%s, 'k', %s)",
            acme.tenant_id,
            number,
        )

    maintain()

    # In a ring's last hour the next one may be written to already.
    last_hour = time.time() % policy.RING_SECONDS > policy.RING_SECONDS - 3600
    kept = {0, 1, 2} if last_hour else {ring, (ring - 1) % 3}
    assert {row[0] for row in as_owner("SELECT ring FROM events_eventkey")} == kept
