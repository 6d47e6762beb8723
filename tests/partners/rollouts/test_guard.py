"""The guard of a roll-out looks at what becomes of actions, and stops it before anybody else is moved."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from integrations.models import Rollout
from integrations.rollouts.guarding import PATIENCE, Seen, waits
from tenants.context import tenant_context
from tests.conftest import Api
from tests.delivery.cast import Merchant, customer_of, merchant_of, points
from tests.delivery.cast import work as deliver
from tests.delivery.receiver import Answer, Receiver, receiver
from tests.owner import as_owner
from tests.partners.rollouts.cast import INTEGRATIONS, events, publish, revisions, roll_out, rollout_of, steer, work

GUARD = {"max_failure_rate": 0.2, "min_actions": 4}


@pytest.fixture
def inbox() -> Iterator[Receiver]:
    """One that fails at `/bad`."""
    with receiver() as running:
        running.answer = lambda received: Answer(500 if received.path == "/bad" else 200)
        yield running


@pytest.fixture
def shops(acme: Api, inbox: Receiver) -> list[Merchant]:
    first = merchant_of(acme, f"{inbox.url}/good")
    return [first, *(customer_of(acme, first.secret, slug=f"shop-{n}") for n in range(3))]


@pytest.fixture
def integration(acme: Api, shops: list[Merchant]) -> str:
    found: str = acme.get(INTEGRATIONS).json()["integrations"][0]["id"]
    return found


def look(acme: Api) -> None:
    """What a worker does once it is to look again."""
    as_owner("UPDATE integrations_rollout SET due_at = now()")
    work(acme)


def act(shops: list[Merchant]) -> None:
    for shop in shops:
        for user in ("u1", "u2"):
            shop.dispatch(user)
    deliver()


@pytest.mark.parametrize("minutes", [0, 60])
def test_guard__with_a_receiver_that_fails__stops_within_the_stage(
    acme: Api, shops: list[Merchant], integration: str, inbox: Receiver, minutes: int
) -> None:
    """Also where the stage is not to wait: what becomes of its actions is not there at once."""
    publish(acme, integration, action_type_templates=[points(f"{inbox.url}/bad")])
    rollout = roll_out(acme, integration, stages=[{"percent": 50, "wait_minutes": minutes}], guard=GUARD)
    work(acme)
    look(acme)
    assert rollout_of(acme, rollout["id"])["moved"] == 2

    act(shops)
    look(acme)

    shown = rollout_of(acme, rollout["id"])
    assert (shown["status"], shown["moved"], shown["stage"]) == ("aborted", 2, 1)
    assert shown["guard_seen"] == {"actions": 4, "failed": 4, "failure_rate": 1.0}
    assert sorted(revisions(acme).values()) == [1, 1, 2, 2]
    assert events(acme, "rollout.aborted") == ["rollout.aborted"]

    steer(acme, rollout["id"], "rollback")
    work(acme)
    assert set(revisions(acme).values()) == {1}


def test_guard__of_a_stage_that_does_not_wait__lets_the_next_begin_once_it_has_seen_enough(
    acme: Api, shops: list[Merchant], integration: str, inbox: Receiver
) -> None:
    """Of each stage: what was seen of the one before says nothing of those that were moved in this one."""
    publish(acme, integration, action_type_templates=[{**points(f"{inbox.url}/good"), "description": "Anew"}])
    stages = [{"percent": 50, "wait_minutes": 0}, {"percent": 75, "wait_minutes": 0}]
    rollout = roll_out(acme, integration, stages=stages, guard=GUARD)["id"]
    work(acme)
    act(shops)
    look(acme)
    look(acme)
    shown = rollout_of(acme, rollout)
    assert (shown["stage"], shown["moved"], shown["guard_seen"]["actions"]) == (2, 3, 4)

    act(shops)
    act(shops)
    look(acme)

    assert rollout_of(acme, rollout)["status"] == "completed"


def test_guard__of_quiet_customers__holds_nothing_up_for_long(
    acme: Api, shops: list[Merchant], integration: str, inbox: Receiver
) -> None:
    publish(acme, integration, action_type_templates=[{**points(f"{inbox.url}/good"), "description": "Anew"}])
    rollout = roll_out(acme, integration, stages=[{"percent": 50, "wait_minutes": 0}], guard=GUARD)["id"]
    work(acme)
    look(acme)
    assert rollout_of(acme, rollout)["stage"] == 1

    as_owner("UPDATE integrations_rollout SET stage_ends_at = stage_ends_at - %s", PATIENCE)
    look(acme)

    assert rollout_of(acme, rollout)["status"] == "completed"


def test_waits__for_any_wait_and_number_of_actions__ends() -> None:
    from django.utils import timezone

    now = timezone.now()
    for minutes in (0, 1, 5, 600):
        for tried in (0, 3, 4, 1000):
            for later in (timedelta(), PATIENCE, timedelta(days=1)):
                rollout = Rollout(
                    guard=GUARD,
                    stage=0,
                    stages=[{"percent": 50, "wait_minutes": minutes}, {"percent": 100, "wait_minutes": 0}],
                    stage_ends_at=now + timedelta(minutes=minutes),
                )
                moment = now + timedelta(minutes=minutes) + later
                patient = moment < now + PATIENCE
                assert waits(rollout, Seen(tried, 0, tried), moment) == (tried < 4 and patient)
                rollout.stage = 1  # nobody comes after the last
                assert not waits(rollout, Seen(tried, 0, tried), moment)


def pile_up(shop: Merchant, number: int, **columns: Any) -> None:
    """As many actions as the shop's newest, of now."""
    values = {"action_type_id": "action_type_id", "revision": "revision", "created_at": "now()"} | columns
    as_owner(
        "INSERT INTO delivery_action (tenant_id, action_type_id, action_type, provider, domain, user_id, parameters,"
        "    revision, status, due_at, attempts, replayed_from, failure_reason, expires_at, created_at)"
        f" SELECT tenant_id, {values['action_type_id']}, action_type, provider, '', user_id, parameters,"
        f"    {values['revision']}, 'failed', now(), 1, 0, 'endpoint_gone', expires_at, {values['created_at']}"
        f" FROM (SELECT * FROM delivery_action WHERE tenant_id = '{shop.api.tenant_id}' LIMIT 1) a,"
        f" generate_series(1, {number}) n"
    )


def test_guard__of_a_customer_with_very_many_actions__reads_few_of_them(
    acme: Api, shops: list[Merchant], integration: str, inbox: Receiver
) -> None:
    """Those that match nothing, too: of other revisions, and of before."""
    publish(acme, integration, action_type_templates=[{**points(f"{inbox.url}/good"), "description": "Anew"}])
    rollout = roll_out(acme, integration, guard=GUARD)["id"]
    work(acme)
    for shop in shops:
        shop.dispatch()
        pile_up(shop, 25_000, created_at="now() - interval '1 day'")
        pile_up(shop, 25_000, revision="1", created_at="clock_timestamp()")
    as_owner("ANALYZE")

    read = "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables"
    with tenant_context(acme.tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT tried, failed, tried_in_stage FROM fate_of_rollout(%s)", [rollout])
        assert cursor.fetchone() == (0, 0, 0)
        cursor.execute(f"{read} WHERE relname = 'delivery_action'")
        (rows,) = cursor.fetchone()

    assert 0 < rows <= 2 * 200 * len(shops)
