import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections

from events import services
from tenants.context import staff_context
from tenants.models import Tenant
from tests.conftest import Api


def maintain() -> str:
    output = io.StringIO()
    call_command("maintain_events", stdout=output)
    return output.getvalue().strip()


def owner(sql: str, *parameters: Any) -> list[Any]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return list(cursor.fetchall()) if cursor.description else []


def month(ahead: int) -> date:
    today = datetime.now(UTC).date()
    index = today.year * 12 + today.month - 1 + ahead
    return date(index // 12, index % 12 + 1, 1)


def partition(first_day: date) -> str:
    return f"events_event_{first_day:%Y_%m}"


@contextmanager
def old_partition(first_day: date, next_day: date) -> Iterator[str]:
    name = partition(first_day)
    owner(f"CREATE TABLE {name} PARTITION OF events_event FOR VALUES FROM ('{first_day}') TO ('{next_day}')")
    try:
        yield name
    finally:
        owner(f"DROP TABLE IF EXISTS {name}")


def exists(name: str) -> bool:
    return bool(owner("SELECT to_regclass(%s) IS NOT NULL", name)[0][0])


def test_maintain__after_migrating__has_this_month_and_three_more(acme: Api) -> None:
    assert [exists(partition(month(ahead))) for ahead in range(4)] == [True] * 4
    assert maintain() == "partitions made: 0, dropped: 0"


def test_maintain__late__moves_what_the_default_partition_caught(acme: Api) -> None:
    late = month(2)
    owner(f"DROP TABLE {partition(late)}")
    owner(
        "INSERT INTO events_event (tenant_id, received_at, timestamp, user_id, name, source, properties)"
        " VALUES (%s, %s, now(), 'u', 'e', 'test', '{}')",
        acme.tenant_id,
        late,
    )
    assert owner("SELECT count(*) FROM events_event_default") == [(1,)]

    assert maintain() == "partitions made: 1, dropped: 0"

    assert owner("SELECT count(*) FROM events_event_default") == [(0,)]
    assert owner(f"SELECT count(*) FROM {partition(late)}") == [(1,)]


def test_maintain__month_past_all_retention__is_dropped(acme: Api) -> None:
    with old_partition(date(2020, 1, 1), date(2020, 2, 1)) as name:
        assert maintain() == "partitions made: 0, dropped: 1"
        assert not exists(name)


def test_maintain__month_that_one_tenant_still_keeps__stays(acme: Api, rival: Api) -> None:
    with staff_context():
        Tenant.objects.filter(id=rival.tenant_id).update(config={"retention_days": 36500})

    with old_partition(date(2020, 1, 1), date(2020, 2, 1)) as name:
        assert maintain() == "partitions made: 0, dropped: 0"
        assert exists(name)


@pytest.mark.parametrize("retention", [{"retention_days": "long"}, {"retention_days": None}, {"retention_days": 1e9}])
def test_maintain__odd_retention_in_a_config__is_no_error(acme: Api, retention: Any) -> None:
    with staff_context():
        Tenant.objects.update(config=retention)

    assert maintain() == "partitions made: 0, dropped: 0"


def test_maintain__rings__forgets_the_one_that_is_next_and_keeps_the_others(acme: Api) -> None:
    ring = services._ring(datetime.now(UTC))
    for number in range(3):
        owner(
            "INSERT INTO events_eventkey (tenant_id, idempotency_key, ring) VALUES (%s, 'k', %s)",
            acme.tenant_id,
            number,
        )

    maintain()

    # In a ring's last hour the next one may be written to already.
    last_hour = time.time() % services._RING_SECONDS > services._RING_SECONDS - 3600
    kept = {0, 1, 2} if last_hour else {ring, (ring - 1) % 3}
    assert {row[0] for row in owner("SELECT ring FROM events_eventkey")} == kept
