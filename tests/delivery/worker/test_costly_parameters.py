"""One tenant's actions whose parameters take long to check are nobody else's wait."""

import asyncio
import json
import threading
import time
from collections.abc import Callable

import pytest

from delivery.models import FailureReason
from delivery.worker.loop import Worker
from tests.conftest import Api
from tests.delivery.cast import Merchant, customer_of, merchant_of, work
from tests.delivery.receiver import Receiver
from tests.integrations.parameters.heavy import OUTDATED, SCHEMA, TEXT
from tests.owner import as_owner


def make_heavy(shop: Merchant, schema: object, count: int) -> None:
    """Actions that are due, and a schema that came to their type later."""
    as_owner(
        "UPDATE integrations_actiontype SET parameters_schema = %s::jsonb WHERE id = %s",
        json.dumps(schema),
        shop.action_type_id,
    )
    as_owner(
        "INSERT INTO delivery_action (tenant_id, id, action_type_id, action_type, provider, domain, user_id,"
        " parameters, status, due_at, attempts, replayed_from, failure_reason, expires_at)"
        " SELECT %s, 'ea_' || md5(n::text || %s), %s, 'grant_points', 'loyalty', '', 'u1', %s::jsonb,"
        " 'pending', now() - interval '1 hour', 0, 0, '', now() + interval '1 day' FROM generate_series(1, %s) n",
        shop.api.tenant_id,
        str(shop.api.tenant_id),
        shop.action_type_id,
        json.dumps({"a": TEXT}),
        count,
    )


@pytest.mark.parametrize("schema", [SCHEMA, OUTDATED], ids=["heavy", "outdated"])
def test_worker__parameters_that_cannot_be_checked_in_time__fail_alone(
    acme: Api, inbox: Receiver, schema: object
) -> None:
    shop = merchant_of(acme, inbox.url)
    make_heavy(shop, schema, 3)
    other = customer_of(acme, shop.secret, slug="other")
    id = other.dispatch()

    work()

    assert other.action(id).status == "delivered"
    assert shop.statuses() == {"failed": 3}
    assert shop.action(one_of(shop)).failure_reason == FailureReason.PARAMETERS_TOO_COSTLY
    assert shop.attempts(one_of(shop)) == []
    assert len(inbox.received) == 1


def test_worker__a_hundred_heavy_ones_first__sends_anothers_meanwhile(acme: Api, inbox: Receiver) -> None:
    """A hundred take ten seconds of CPU time at the least; the other's is sent long before the last is done."""
    shop = merchant_of(acme, inbox.url)
    other = customer_of(acme, shop.secret, slug="other")
    make_heavy(shop, SCHEMA, 100)
    worker, loop = Worker(grace_seconds=0), asyncio.new_event_loop()
    thread = threading.Thread(target=lambda: loop.run_until_complete(worker.run()))
    thread.start()
    try:
        wait_until(lambda: shop.statuses().get("failed", 0) >= 1)
        id = other.dispatch()
        wait_until(lambda: other.action(id).status == "delivered")
        left = shop.statuses()
    finally:
        loop.call_soon_threadsafe(worker.stop)
        thread.join(60)
        loop.close()

    assert left.get("failed", 0) < 100
    assert not thread.is_alive()
    assert shop.statuses().keys() <= {
        "pending",
        "dispatched",
        "failed",
    }  # what was not checked waits for another worker


def one_of(shop: Merchant) -> str:
    ((id,),) = as_owner("SELECT id FROM delivery_action WHERE tenant_id = %s LIMIT 1", shop.api.tenant_id)
    return str(id)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
