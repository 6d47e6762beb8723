"""No receiver and no tenant delays another's: bounds, turns and circuits."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connection, connections, transaction

from delivery.models import Endpoint
from delivery.transport.sending import Answer as SendersAnswer
from delivery.worker import actions, recording
from delivery.worker.queues import Result, Room
from integrations.models import ActionType
from tenants.context import tenant_context
from tenants.models import PlanStatus
from tests.conftest import Api
from tests.delivery.cast import Merchant, customer_of, let_time_pass, make_due, merchant_of, points, work
from tests.delivery.receiver import Answer, Received, Receiver, receiver
from tests.delivery.worker.processes import wait_for
from tests.owner import as_owner


def pile_up(shop: Merchant, count: int) -> None:
    """A backlog, older than all that comes after."""
    as_owner(
        "INSERT INTO delivery_action (tenant_id, id, action_type_id, action_type, provider, domain, user_id,"
        " parameters, status, due_at, attempts, replayed_from, failure_reason, expires_at)"
        " SELECT %s, 'ea_' || md5(n::text || %s), %s, 'grant_points', 'loyalty', '', 'u1', '{\"amount\": 1}',"
        " 'pending', now() - interval '1 hour', 0, 0, '', now() + interval '1 day' FROM generate_series(1, %s) n",
        shop.api.tenant_id,
        str(shop.api.tenant_id),
        shop.action_type_id,
        count,
    )
    as_owner("ANALYZE delivery_action")


def claim(wanted: int = 100, per_endpoint: int = 32, slow_wanted: int = 100) -> list[actions.ActionLease]:
    return actions.claim(
        Room(wanted=wanted, per_endpoint=per_endpoint, slow_wanted=slow_wanted, per_slow_endpoint=per_endpoint)
    )


def endpoint(owner: Api) -> Endpoint:
    with tenant_context(owner.tenant_id):
        return Endpoint.objects.get()


FAILED = SendersAnswer(started_at=datetime.now(UTC), latency_ms=1, status=500)


def attempts_and_failures(shop: Merchant, owner: Api) -> tuple[int, int]:
    (id,) = [row[0] for row in as_owner("SELECT id FROM delivery_action WHERE tenant_id = %s", shop.api.tenant_id)]
    return len(shop.attempts(id)), endpoint(owner).consecutive_failures


def test_claim__one_tenant_with_a_backlog_beside_one_with_one__takes_both(acme: Api, inbox: Receiver) -> None:
    """At one endpoint of their partner's, and the backlog is older."""
    shop = merchant_of(acme, inbox.url)
    small = customer_of(acme, shop.secret, slug="small")
    pile_up(shop, 5000)
    id = small.dispatch()

    assert id in {lease.action_id for lease in claim(per_endpoint=4)}


def test_claim__many_tenants__each_has_its_turn(acme: Api, inbox: Receiver) -> None:
    first = merchant_of(acme, inbox.url)
    shops = [first, *(customer_of(acme, first.secret, slug=f"shop-{n}") for n in range(4))]
    for shop in shops:
        pile_up(shop, 50)

    taken = Counter(lease.tenant_id for lease in claim(wanted=20))

    assert taken == {shop.api.tenant_id: 4 for shop in shops}


def test_claim__of_one_endpoint__no_more_than_its_bound_is_in_flight_over_all_workers(shop: Merchant) -> None:
    pile_up(shop, 100)

    assert [len(claim(per_endpoint=10)), len(claim(per_endpoint=10))] == [10, 0]
    let_time_pass(61)
    assert len(claim(per_endpoint=10)) == 10  # those workers died


def test_claim__many_at_once__takes_each_action_once(shop: Merchant) -> None:
    pile_up(shop, 300)
    taken: list[str] = []

    def take() -> None:
        try:
            for _ in range(10):
                taken.extend(lease.action_id for lease in claim(wanted=5, per_endpoint=1000))
        finally:
            connection.close()

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) == len(set(taken)) == 300


def test_claim__of_a_suspended_tenant__takes_nothing(shop: Merchant) -> None:
    shop.dispatch()
    as_owner("UPDATE tenants_tenant SET plan_status = %s WHERE slug = 'merchant'", PlanStatus.SUSPENDED)

    assert claim() == []


def test_receiver__that_hangs__delays_no_other(acme: Api, rival: Api, inbox: Receiver) -> None:
    """It gets its answer only after the other's actions are delivered."""
    delivered = threading.Event()
    stuck: list[int] = []

    def hang(received: Received) -> Answer:
        stuck.append(delivered.wait(30))
        return Answer()

    with receiver(hang) as slow:
        pile_up(merchant_of(acme, slow.url), 40)
        quick = merchant_of(rival, inbox.url)
        ids = {quick.dispatch() for _ in range(50)}

        def answer(received: Received) -> Answer:
            if ids <= {one.headers["webhook-id"] for one in inbox.received}:
                delivered.set()
            return Answer()

        inbox.answer = answer
        work()

    assert quick.statuses() == {"delivered": 50}
    assert all(stuck)


@pytest.mark.parametrize(
    "rows",
    [
        "delivery_action WHERE tenant_id = %(tenant_id)s",
        "delivery_endpoint WHERE tenant_id = %(partner_id)s",
        "tenants_tenant WHERE id = %(tenant_id)s",
    ],
)
def test_record__for_a_tenant_whose_row_is_held__keeps_it_and_stores_the_others(
    acme: Api, rival: Api, inbox: Receiver, rows: str
) -> None:
    inbox.answer = Answer(500)  # so that the endpoints' rows are written, too
    stuck, free = sorted(
        ((merchant_of(each, inbox.url), each) for each in (acme, rival)), key=lambda pair: pair[0].api.tenant_id
    )
    for shop, _ in (stuck, free):
        shop.dispatch()
    work()
    make_due()
    results = [
        Result(lease=lease, answer=FAILED, wait_seconds=60)
        for lease in sorted(claim(), key=lambda lease: lease.tenant_id)
    ]
    assert len(results) == 2

    with transaction.atomic(using="owner"):
        as_owner(f"SELECT FROM {rows} FOR UPDATE", tenant_id=stuck[0].api.tenant_id, partner_id=stuck[1].tenant_id)
        assert recording.record(results) == results[:1]
        assert attempts_and_failures(*free) == (2, 2)

    assert recording.record(results[:1]) == []
    assert attempts_and_failures(*stuck) == (2, 2)


def test_worker__a_row_that_is_held_for_a_while__delivers_others_meanwhile_and_this_once(
    acme: Api, rival: Api, inbox: Receiver
) -> None:
    first, other = sorted((merchant_of(each, inbox.url) for each in (acme, rival)), key=lambda shop: shop.api.tenant_id)
    held, id = first.dispatch(), other.dispatch()
    leased, locked = threading.Barrier(3), threading.Event()

    def hold() -> None:
        try:
            leased.wait(30)
            with transaction.atomic(using="owner"):
                as_owner("SELECT FROM delivery_action WHERE id = %s FOR UPDATE", held)
                locked.set()
                wait_for(lambda: other.action(id).status == "delivered")
        finally:
            connections.close_all()

    def answer(received: Received) -> Answer:
        leased.wait(30)
        locked.wait(30)
        return Answer()

    inbox.answer = answer
    with ThreadPoolExecutor(1) as thread:
        holding = thread.submit(hold)
        work()
        holding.result()

    assert first.action(held).status == "delivered"
    assert Counter(inbox.ids) == {held: 1, id: 1}


@pytest.mark.parametrize("other_is_slow", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_receivers__many_of_one_owner_that_hang__take_no_more_than_half_of_the_places_of_their_pace(
    acme: Api, rival: Api, inbox: Receiver, monkeypatch: pytest.MonkeyPatch, *, known: bool, other_is_slow: bool
) -> None:
    """They get their answers only after another's actions are delivered, which come when all those places are taken."""
    monkeypatch.setattr("delivery.worker.loop.CONCURRENCY", 32)
    monkeypatch.setattr("delivery.worker.loop.SLOW_CONCURRENCY", 16)
    for module in ("queues", "endpoints", "loop"):
        monkeypatch.setattr(f"delivery.worker.{module}.SLOW_SECONDS", 0.2)
    places = 8 if known else 16
    taken, delivered = threading.Event(), threading.Event()
    stuck: list[bool] = []
    hanging: list[int] = []

    def hang(received: Received) -> Answer:
        if len(slow.received) >= places:
            taken.set()
        stuck.append(delivered.wait(30))
        return Answer()

    def answer(received: Received) -> Answer:
        if len(inbox.received) == 5:
            hanging.append(len(slow.received))
            delivered.set()
        return Answer()

    inbox.answer = answer
    quick = merchant_of(rival, inbox.url)
    with receiver(hang) as slow, ThreadPoolExecutor(1) as thread:
        crowd = one_for_each_endpoint(acme, [f"{slow.url}/{n}" for n in range(32)])
        if known:
            call_slow(acme)
        if other_is_slow:
            call_slow(rival)
        working = thread.submit(work)
        assert taken.wait(30)
        time.sleep(0.5)  # until those that hang are slow, whether it was known or not
        for _ in range(5):
            quick.dispatch()
        working.result()

    assert (quick.statuses(), crowd.statuses()) == ({"delivered": 5}, {"delivered": 32})
    assert hanging == [places]
    assert all(stuck)


def one_for_each_endpoint(partner: Api, urls: list[str]) -> Merchant:
    """A merchant with an action due for each of these."""
    templates = [{**points(url), "name": f"grant_{n}"} for n, url in enumerate(urls)]
    secret = partner.register("loyalty", action_type_templates=templates)["webhook_secret"]
    api = partner.provision("crowd")
    assert api.post("/api/customers", {"user_id": "u1"}).status_code == 201
    with tenant_context(api.tenant_id):
        shops = [Merchant(api, id, secret) for id in ActionType.objects.values_list("id", flat=True)]
    for shop in shops:
        shop.dispatch()
    return shops[0]


def call_slow(partner: Api) -> None:
    """Its endpoints, as if each had taken too long lately."""
    as_owner(
        "INSERT INTO delivery_endpoint"
        " (tenant_id, id, url, consecutive_failures, openings, last_failure, slow_since)"
        " SELECT partner_id, md5(partner_id::text || delivery_webhook)::uuid, delivery_webhook, 0, 0, '', now()"
        " FROM integrations_actiontype WHERE partner_id = %s"
        " ON CONFLICT (tenant_id, id) DO UPDATE SET slow_since = now()",
        partner.tenant_id,
    )


# --- The circuit ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [Answer(500), None])
def test_circuit__after_five_failures__opens_and_a_success_closes_it(
    acme: Api, shop: Merchant, inbox: Receiver, answer: Answer | None
) -> None:
    inbox.answer = lambda received: answer
    ids = [shop.dispatch() for _ in range(5)]
    work()
    assert len(inbox.received) == 5
    opened = endpoint(acme)
    assert (opened.consecutive_failures, opened.openings) == (5, 1)
    assert opened.open_until is not None
    assert opened.last_failure == ("500" if answer else "protocol_error")

    # Open: nothing is sent, and no attempt is spent.
    make_due()
    work()
    assert len(inbox.received) == 5

    # Half open: one tries; it fails, and the circuit is open for longer.
    let_time_pass(31)
    make_due()
    work()
    assert len(inbox.received) == 6
    assert endpoint(acme).openings == 2

    inbox.answer = Answer()
    let_time_pass(61)
    make_due()
    work()
    closed = endpoint(acme)
    assert (closed.consecutive_failures, closed.openings, closed.open_until) == (0, 0, None)
    assert {shop.action(id).status for id in ids} == {"delivered"}


def test_circuit__of_an_endpoint_that_refuses_actions__stays_closed(shop: Merchant, inbox: Receiver) -> None:
    inbox.answer = Answer(422)
    for _ in range(12):
        shop.dispatch()

    work()

    assert len(inbox.received) == 12
    assert as_owner("SELECT consecutive_failures FROM delivery_endpoint") == [(0,)]


def test_circuit__of_a_partners_endpoint__its_customers_see_nothing_of_it(
    acme: Api, shop: Merchant, inbox: Receiver
) -> None:
    inbox.answer = Answer(500)
    shop.dispatch()
    work()

    assert endpoint(acme).url.startswith(inbox.url)
    with tenant_context(shop.api.tenant_id):
        assert not Endpoint.objects.exists()
