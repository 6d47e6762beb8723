"""Failed actions to an endpoint are sent again: of all customers, each once, no faster than a batch a second."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections

from delivery.worker import recovering
from tenants.context import tenant_context
from tests.conftest import Api, Server
from tests.delivery.cast import Merchant, customer_of, merchant_of, points, work
from tests.delivery.receiver import Answer, Receiver
from tests.delivery.worker.processes import wait_for, worker
from tests.owner import as_owner
from tests.partners.endpoints.cast import ENDPOINTS, act, counted, endpoint, fail_all, told
from tests.partners.rollouts.cast import INTEGRATIONS, publish, roll_out
from tests.partners.rollouts.cast import work as roll_out_work
from tests.sizes import size
from tests.tenants.audit.lines import by_system

SINCE = "2026-01-01T00:00:00Z"
MANY = size(6_000, whole=50_000)


@pytest.fixture
def url(inbox: Receiver) -> str:
    return inbox.url + "/points?a=b"


@pytest.fixture
def shops(acme: Api, shop: Merchant) -> list[Merchant]:
    """Two customers whose actions go to the same endpoint."""
    return [shop, customer_of(acme, shop.secret, slug="second")]


def recover(partner: Api, url: str, **body: Any) -> dict[str, Any]:
    answer = act(partner, endpoint(partner, url), "recover", {"since": SINCE, **body})
    assert answer.status_code == 202, answer.content
    found: dict[str, Any] = answer.json()["recovery"]
    return found


def shown(partner: Api, url: str, recovery: dict[str, Any]) -> dict[str, Any]:
    path = f"{ENDPOINTS}/{endpoint(partner, url)['id']}/recoveries/{recovery['id']}"
    found: dict[str, Any] = partner.get(path).json()["recovery"]
    return found


def pile_up(shop: Merchant, number: int) -> None:
    """As many failed actions like one that is dispatched now."""
    id = shop.dispatch()
    as_owner(
        "INSERT INTO delivery_action (tenant_id, action_type_id, action_type, provider, domain, user_id, parameters,"
        "    status, due_at, attempts, replayed_from, failure_reason, expires_at)"
        " SELECT tenant_id, action_type_id, action_type, provider, '', user_id, parameters, 'pending', now(), 8, 0, '',"
        "    expires_at + n * interval '1 ms' FROM delivery_action, generate_series(2, %(n)s) n WHERE id = %(id)s",
        n=number,
        id=id,
    )
    fail_all()


def test_recover__what_failed_there__is_sent_again_for_all_customers(
    acme: Api, shops: list[Merchant], inbox: Receiver, url: str
) -> None:
    ids = {shop.dispatch() for shop in shops for _ in range(3)}
    fail_all()

    recovery = recover(acme, url)
    assert (recovery["status"], recovery["actions"], recovery["customers"]) == ("running", 6, 2)
    work()

    assert set(inbox.ids) == ids
    assert [shop.statuses() for shop in shops] == [{"delivered": 3}] * 2
    ended = shown(acme, url, recovery)
    assert (ended["status"], ended["replayed"]) == ("completed", 6)
    started, finished = told(acme, "endpoint.recovery")
    assert started["actor"]["type"] == "api_key"
    assert started["data"]["actions"] == 6
    assert (finished["type"], finished["data"]["status"]) == ("endpoint.recovery_finished", "completed")
    assert by_system(acme)[0] == ("endpoint.recovery_finished", "endpoint")
    assert finished["data"]["replayed"] == 6
    assert acme.get(f"{ENDPOINTS}/{endpoint(acme, url)['id']}").json()["endpoint"]["recovery"] == ended


def test_recover__what_it_cannot_help_or_is_not_of_the_window__is_left_alone(
    acme: Api, rival: Api, shop: Merchant, url: str
) -> None:
    elsewhere = merchant_of(acme, url + "&other", slug="other", provider="other")
    foreign = merchant_of(rival, url)
    taken, opted_out, expired, early, late = (shop.dispatch() for _ in range(5))
    others = [elsewhere.dispatch(), foreign.dispatch()]
    fail_all()
    as_owner("UPDATE delivery_action SET failure_reason = 'user_opted_out' WHERE id = %(id)s", id=opted_out)
    as_owner("UPDATE delivery_action SET expires_at = now() WHERE id = %(id)s", id=expired)
    as_owner("UPDATE delivery_action SET created_at = now() - interval '2 days' WHERE id = %(id)s", id=early)
    as_owner("UPDATE delivery_action SET created_at = now() + interval '1 hour' WHERE id = %(id)s", id=late)
    window = {
        "since": (datetime.now(UTC) - timedelta(days=1)).isoformat(),
        "until": (datetime.now(UTC) + timedelta(minutes=1)).isoformat(),
    }

    counted = act(acme, endpoint(acme, url), "recover", {**window, "dry_run": True})
    assert counted.status_code == 200, counted.content
    (dry_run,) = counted.json().values()
    assert counted.json() == {"dry_run": dry_run}
    assert dry_run.keys() == {"since", "until", "actions", "customers"}
    assert (dry_run["actions"], dry_run["customers"]) == (1, 1)
    assert told(acme, "endpoint.recovery") == []
    recovery = recover(acme, url, **window)
    recovering.advance()

    assert [shop.action(id).status for id in (taken, opted_out, expired, early, late)] == ["pending"] + ["failed"] * 4
    assert [who.action(id).status for who, id in zip((elsewhere, foreign), others, strict=True)] == ["failed"] * 2
    assert shown(acme, url, recovery)["replayed"] == 1


def test_recover__twice__is_the_same_recovery_and_one_event(acme: Api, shop: Merchant, url: str) -> None:
    shop.dispatch()
    fail_all()

    first, second = recover(acme, url), recover(acme, url)
    recovering.advance()
    third, other = recover(acme, url), recover(acme, url, until="2026-01-02T00:00:00Z")

    assert first["id"] == second["id"] == third["id"] != other["id"]
    assert third["status"] == "completed"
    assert len(told(acme, "endpoint.recovery_started")) == 2


def test_recover__another_window_while_one_runs__is_409_and_the_same_is_the_same(
    acme: Api, shop: Merchant, url: str
) -> None:
    shop.dispatch()
    fail_all()
    first = recover(acme, url)

    for body in ({"since": SINCE, "until": "2026-01-02T00:00:00Z"}, {"since": "2026-01-02T00:00:00Z"}):
        answer = act(acme, endpoint(acme, url), "recover", body)
        assert (answer.status_code, answer.json()["code"]) == (409, "recovery_in_progress")
        assert answer.json()["recovery_id"] == first["id"]
        assert act(acme, endpoint(acme, url), "recover", body | {"dry_run": True}).status_code == 200
    assert recover(acme, url)["id"] == first["id"]
    with pytest.raises(DatabaseError, match="recovery_one_at_a_time"):
        as_owner(
            "INSERT INTO delivery_recovery (tenant_id, endpoint_id, since, actions, customers)"
            " SELECT tenant_id, endpoint_id, now(), 0, 0 FROM delivery_recovery"
        )
    connections["owner"].close()

    recovering.advance()
    assert recover(acme, url, until="2026-01-02T00:00:00Z")["id"] != first["id"]


def test_recover__other_windows_at_once__is_one_recovery(acme: Api, server: Server, shop: Merchant, url: str) -> None:
    path = f"{ENDPOINTS}/{endpoint(acme, url)['id']}/recover"
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(
                lambda n: server.send(acme, "POST", path, {"since": f"2026-01-0{n + 1}T00:00:00Z"}).status_code,
                range(8),
            )
        )

    assert sorted(answers) == [202] + [409] * 7


def test_recover__from_many_at_once__is_one_recovery(acme: Api, server: Server, shop: Merchant, url: str) -> None:
    shop.dispatch()
    fail_all()
    path = f"{ENDPOINTS}/{endpoint(acme, url)['id']}/recover"
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: server.send(acme, "POST", path, {"since": SINCE}), range(8)))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["recovery"]["id"] for answer in answers}) == 1
    assert len(told(acme, "endpoint.recovery_started")) == 1


def test_recover__of_a_disabled_endpoint__is_refused_and_stops_until_it_is_asked_for_again(
    acme: Api, shop: Merchant, url: str
) -> None:
    pile_up(shop, 3)
    recovery = recover(acme, url)
    recovering.advance(most=1, pause_seconds=0)
    as_owner("UPDATE delivery_endpoint SET disabled_at = now()")
    answer = act(acme, endpoint(acme, url), "recover", {"since": SINCE})
    assert (answer.status_code, answer.json()["code"]) == (409, "endpoint_disabled")

    recovering.advance(most=1, pause_seconds=0)
    stopped = shown(acme, url, recovery)
    assert (stopped["status"], stopped["replayed"]) == ("stopped", 1)
    act(acme, endpoint(acme, url), "enable")
    again = recover(acme, url)
    for _ in range(4):
        recovering.advance(most=1, pause_seconds=0)

    assert (again["id"], again["status"]) == (recovery["id"], "running")
    assert shown(acme, url, recovery)["replayed"] == 3
    statuses = [event["data"].get("status") for event in told(acme, "endpoint.recovery")]
    assert statuses == [None, "stopped", None, "completed"]


def test_recovery__however_often_it_is_looked_at__takes_no_more_than_a_batch_until_its_pause_is_over(
    acme: Api, shop: Merchant, url: str
) -> None:
    pile_up(shop, recovering.BATCH + 50)
    recovery = recover(acme, url)

    for _ in range(5):
        recovering.advance(pause_seconds=3600)

    assert shown(acme, url, recovery)["replayed"] == recovering.BATCH
    assert shop.statuses() == {"pending": recovering.BATCH, "failed": 50}


def test_recovery__of_what_fails_again__ends(acme: Api, shop: Merchant, inbox: Receiver, url: str) -> None:
    pile_up(shop, 5)
    recovery = recover(acme, url)
    for _ in range(3):
        recovering.advance(most=2, pause_seconds=0)
        fail_all()

    recovering.advance(most=2, pause_seconds=0)

    ended = shown(acme, url, recovery)
    assert (ended["status"], ended["replayed"]) == ("completed", 5)


def test_recovery__of_very_many__replays_each_once(acme: Api, shop: Merchant, url: str) -> None:
    pile_up(shop, MANY)
    recovery = recover(acme, url)
    assert recovery["actions"] == MANY

    batches = 0
    while shown(acme, url, recovery)["status"] == "running":
        recovering.advance(most=1_000, pause_seconds=0)
        batches += 1

    assert MANY // 1_000 <= batches <= MANY // 1_000 + 3
    assert shown(acme, url, recovery)["replayed"] == MANY
    assert as_owner("SELECT status, replayed_from, count(*) FROM delivery_action GROUP BY 1, 2") == [
        ("pending", 8, MANY)
    ]


def test_recovery__whose_worker_is_killed__goes_on_with_another(
    acme: Api, shop: Merchant, inbox: Receiver, url: str, tmp_path: Path
) -> None:
    number = recovering.BATCH * 3 + 1
    pile_up(shop, number)
    recovery = recover(acme, url)
    with worker(tmp_path / "first"):
        wait_for(lambda: shown(acme, url, recovery)["replayed"] > 0)
    killed_at = shown(acme, url, recovery)
    assert killed_at["status"] == "running"
    as_owner("UPDATE delivery_action SET leased_until = NULL, due_at = now() WHERE status = 'dispatched'")

    with worker(tmp_path / "second"):
        wait_for(lambda: shown(acme, url, recovery)["status"] == "completed")
        wait_for(lambda: shop.statuses() == {"delivered": number})

    assert shown(acme, url, recovery)["replayed"] == number
    # What was being sent when the worker was killed may come twice, and nothing else.
    assert len(set(inbox.ids)) == number
    assert sum(Counter(inbox.ids).values()) <= number + recovering.BATCH
    assert as_owner("SELECT DISTINCT replayed_from FROM delivery_action") == [(8,)]


def test_recoverable_actions__asked_by_another__are_refused_by_the_database(
    acme: Api, rival: Api, shop: Merchant, url: str
) -> None:
    id = endpoint(acme, url)["id"]
    with tenant_context(rival.tenant_id), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE app_web")
        with pytest.raises(DatabaseError, match="permission denied"):
            cursor.execute(
                "SELECT * FROM recoverable_actions(%s, %s, '-infinity', NULL)", [str(acme.tenant_id), str(id)]
            )
        connection.set_rollback(True)


def test_replayed__to_an_endpoint_that_is_gone_again__fail_and_disable_it(
    acme: Api, shop: Merchant, inbox: Receiver, url: str
) -> None:
    inbox.answer = Answer(410)
    shop.dispatch()
    work()
    act(acme, endpoint(acme, url), "enable")
    recover(acme, url)
    work()

    assert endpoint(acme, url)["status"] == "disabled"
    assert shop.statuses() == {"failed": 1}


def test_recovery__of_actions_of_several_revisions__goes_by_where_each_is_sent(
    acme: Api, shop: Merchant, url: str
) -> None:
    """An action is sent as the revision says that it was decided under."""
    before = shop.dispatch()
    later = url + "&later"
    (integration,) = acme.get(INTEGRATIONS).json()["integrations"]
    publish(acme, integration["id"], action_type_templates=[points(later)])
    roll_out(acme, integration["id"])
    roll_out_work(acme)
    after = shop.dispatch()
    assert [counted(acme, each)["waiting"] for each in (url, later)] == [1, 1]
    fail_all()
    assert [counted(acme, each)["customers_affected"] for each in (url, later)] == [1, 1]

    assert recover(acme, url)["actions"] == 1
    recovering.advance()

    assert (shop.action(before).status, shop.action(after).status) == ("pending", "failed")


def test_recover__since_a_time_that_is_to_come__is_400(acme: Api, shop: Merchant, url: str) -> None:
    answer = act(acme, endpoint(acme, url), "recover", {"since": "2999-01-01T00:00:00Z"})

    assert answer.status_code == 400
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [("/since", "in_future")]
