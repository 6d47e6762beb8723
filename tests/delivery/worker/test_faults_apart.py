"""What cannot be worked on, whatever the reason, is logged and rests, and everything else goes on."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import OperationalError

from delivery.worker import certifying, recovering, webhooks
from delivery.worker.chores import Chore
from tenants.context import staff_context
from tenants.deletion import services as deletions
from tests.conftest import Api
from tests.delivery.cast import Merchant, customer_of, points, work
from tests.delivery.receiver import Receiver, receiver
from tests.owner import as_owner
from tests.partners.endpoints.cast import act, endpoint, fail_all
from tests.partners.webhooks.cast import WEBHOOKS, make

Poison = Callable[[str, str], None]


@pytest.fixture
def poison() -> Iterator[Poison]:
    """A constraint that rows written before need not meet."""
    made: list[str] = []

    def add(table: str, check: str) -> None:
        as_owner(f"ALTER TABLE {table} ADD CONSTRAINT poison CHECK ({check}) NOT VALID")
        made.append(table)

    yield add
    for table in made:
        as_owner(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS poison")


def events_got(inbox: Receiver) -> int:
    return sum("webhook.tested" in one.body.decode() for one in inbox.received)


def test_fan_out__to_a_webhook_that_cannot_have_it__reaches_the_others_and_rests(
    acme: Api, inbox: Receiver, poison: Poison
) -> None:
    with receiver() as other:
        good, bad = make(acme, inbox.url), make(acme, other.url)
        poison("delivery_webhookdelivery", f"webhook_id <> '{bad['id']}'")
        for webhook in (good, bad):
            acme.post(f"{WEBHOOKS}/{webhook['id']}/test", {})
        work()
        assert (events_got(inbox), events_got(other)) == (1, 0)
        assert as_owner("SELECT webhook_id FROM delivery_webhookreader WHERE rests_until > now()") == [(bad["id"],)]
        assert webhooks.fan_out() == 0

        as_owner("ALTER TABLE delivery_webhookdelivery DROP CONSTRAINT poison")
        as_owner("UPDATE delivery_webhookreader SET rests_until = now() WHERE rests_until IS NOT NULL")
        work()
        assert (events_got(inbox), events_got(other)) == (1, 1)


def test_fan_out__of_a_partner_that_is_being_deleted__rests(acme: Api, rival: Api, inbox: Receiver) -> None:
    for partner in (acme, rival):
        make(partner, inbox.url)
        make(partner, inbox.url + "/other")
    with staff_context():
        deletions.schedule(actor="staff:oscar", tenant=deletions.locked(tenant_id=acme.tenant_id))

    readers = as_owner("SELECT tenant_id, fault FROM hand_out_events()")

    assert set(readers) == {(rival.tenant_id, None)}


def test_recovery__with_an_action_that_cannot_be_replayed__rests_and_the_others_end(
    acme: Api, inbox: Receiver, poison: Poison
) -> None:
    recoveries = {}
    for provider in ("bad", "good"):
        url = f"{inbox.url}/{provider}"
        integration = acme.register(provider, action_type_templates=[points(url)])
        id = customer_of(acme, integration["webhook_secret"], slug=provider, provider=provider).dispatch()
        fail_all()
        answer = act(acme, endpoint(acme, url), "recover", {"since": "2026-01-01T00:00:00Z"})
        recoveries[provider] = answer.json()["recovery"]["id"]
        if provider == "bad":
            poison("delivery_action", f"id <> '{id}' OR status <> 'pending'")
    recovering.advance()

    rows = as_owner("SELECT id, status, replayed FROM delivery_recovery WHERE due_at > now()")
    assert sorted(rows) == sorted([(recoveries["bad"], "running", 0), (recoveries["good"], "completed", 1)])


def test_recovery__that_cannot_be_told_of__rests(acme: Api, shop: Merchant, inbox: Receiver, poison: Poison) -> None:
    act(acme, endpoint(acme, inbox.url + "/points?a=b"), "recover", {"since": "2026-01-01T00:00:00Z"})
    poison("tenants_partnerevent", "type <> 'endpoint.recovery_finished'")

    recovering.advance()

    assert as_owner("SELECT status, due_at > now() + interval '30 s' FROM delivery_recovery") == [("running", True)]


def test_certify__one_that_cannot_be_read__leaves_the_others_to_be_done(acme: Api, inbox: Receiver) -> None:
    asked = []
    for place in ("/bad", "/good"):
        acme.register(place[1:], action_type_templates=[points(inbox.url + place)])
        answer = act(acme, endpoint(acme, inbox.url + place), "certify", {})
        asked.append(answer.json()["certification"]["id"])
    as_owner("UPDATE delivery_certification SET report = '{}' WHERE id = %s", asked[0])

    assert [one.id for one in certifying.claim()] == asked[1:]


@pytest.mark.parametrize(
    "function", ["claim_deliveries", "hand_out_events", "advance_recoveries", "claim_certifications"]
)
def test_worker__of_which_a_part_cannot_be_done__goes_on_with_actions(shop: Merchant, function: str) -> None:
    as_owner(f"ALTER FUNCTION {function} RENAME TO broken")
    try:
        id = shop.dispatch()
        work()
    finally:
        as_owner(f"ALTER FUNCTION broken RENAME TO {function}")

    assert shop.action(id).status == "delivered"


def test_chore__that_fails__rests_but_not_while_the_database_is_away() -> None:
    tried: list[Exception | None] = []

    def part(error: Exception | None) -> Callable[[], Any]:
        async def work() -> str:
            tried.append(error)
            if error is not None:
                raise error
            return "done"

        return work

    async def run() -> None:
        chore = Chore("some")
        assert await chore.do(part(ValueError()), "otherwise") == "otherwise"
        assert await chore.do(part(None), "otherwise") == "otherwise"
        assert len(tried) == 1
        chore = Chore("another")
        with pytest.raises(OperationalError):
            await chore.do(part(OperationalError()), "otherwise")
        assert await chore.do(part(None), "otherwise") == "done"

    asyncio.run(run())
