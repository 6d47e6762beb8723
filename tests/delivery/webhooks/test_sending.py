"""Events reach webhooks: signed, retried, at least once, and none in the way of another."""

import base64
import hashlib
import hmac
import re
from pathlib import Path
from typing import Any

import pytest

from delivery.models import WebhookDelivery
from delivery.tasks import forget_events
from delivery.worker import webhooks
from delivery.worker.queues import Room
from tenants.context import tenant_context
from tests.conftest import Api
from tests.delivery.cast import Merchant, make_due, merchant_of, work
from tests.delivery.receiver import Answer, Received, Receiver, receiver
from tests.delivery.worker.processes import wait_for, worker
from tests.owner import as_owner
from tests.partners.webhooks.cast import WEBHOOKS, make, newest, used
from tests.tenants.audit.lines import by_system


def rename(partner: Api, customer: Api, name: str) -> None:
    answer = partner.patch(f"/api/partners/customers/{customer.tenant_id}", {"name": name})
    assert answer.status_code == 200, answer.content


def deliveries(partner: Api) -> list[WebhookDelivery]:
    with tenant_context(partner.tenant_id):
        return list(WebhookDelivery.objects.order_by("created_at", "event_id"))


def make_deliveries_due() -> None:
    as_owner("UPDATE delivery_webhookdelivery SET due_at = now(), leased_until = NULL WHERE status = 'pending'")


def attempts(partner: Api, webhook: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = partner.get(f"{WEBHOOKS}/{webhook['id']}/attempts").json()["attempts"]
    return found


def types(inbox: Receiver) -> list[str]:
    return [one.json["type"] for one in inbox.received]


def signature(secret: str, one: Received) -> str:
    signed = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
    return "v1," + base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


def test_event__of_a_change__is_sent_as_the_feed_has_it_and_signed(acme: Api, merchant: Api, inbox: Receiver) -> None:
    webhook = make(acme, inbox.url)
    rename(acme, merchant, "New")

    work()

    (one,) = inbox.received
    event = newest(acme, "customer.updated")
    assert one.json == event
    assert one.headers["webhook-id"] == event["id"]
    assert one.headers["webhook-signature"] == signature(webhook["webhook_secret"], one)
    assert one.headers["x-retivo-request-id"] == event["request_id"]
    (attempt,) = attempts(acme, webhook)
    assert (attempt["event_id"], attempt["number"], attempt["status_code"]) == (event["id"], 1, 200)
    assert attempt["error"] is None


def test_webhook__added_now__gets_nothing_of_the_past_until_it_is_replayed(
    acme: Api, merchant: Api, inbox: Receiver
) -> None:
    rename(used(acme), merchant, "Before")
    first = newest(acme, "api_key.used_first")
    webhook = make(acme, inbox.url)
    work()
    assert inbox.received == []

    answer = acme.post(f"{WEBHOOKS}/{webhook['id']}/replay", {"after": first["id"]})
    work()

    assert answer.status_code == 202
    # What is about the webhook itself is not sent to it.
    assert sorted(types(inbox)) == ["customer.created", "customer.updated"]
    replay = acme.get(f"{WEBHOOKS}/{webhook['id']}").json()["webhook"]["replay"]
    assert (replay["status"], replay["events"]) == ("completed", 2)
    assert replay["completed_at"] is not None


def test_replay__of_what_was_sent__sends_it_again_under_the_same_id_with_the_types_asked_for(
    acme: Api, merchant: Api, inbox: Receiver
) -> None:
    webhook = make(acme, inbox.url)
    rename(acme, merchant, "New")
    acme.provision("another")
    work()
    sent = dict(zip(types(inbox), inbox.ids, strict=True))

    acme.post(f"{WEBHOOKS}/{webhook['id']}/replay", {"since": "2026-01-01T00:00:00Z", "types": ["customer.updated"]})
    work()

    assert inbox.ids[2:] == [sent["customer.updated"]]
    assert [each["number"] for each in attempts(acme, webhook) if each["event_id"] == inbox.ids[-1]] == [2, 1]


def test_webhook__of_some_types__gets_these_alone(acme: Api, merchant: Api, inbox: Receiver) -> None:
    make(acme, inbox.url, types=["customer.created"])
    rename(acme, merchant, "New")
    acme.provision("another")

    work()

    assert types(inbox) == ["customer.created"]


def test_webhook__of_another_partner__gets_nothing(acme: Api, rival: Api, merchant: Api, inbox: Receiver) -> None:
    make(used(rival), inbox.url)
    rename(acme, merchant, "New")

    work()

    assert inbox.received == []


def test_change_of_a_webhook__is_sent_to_others_alone(acme: Api, inbox: Receiver) -> None:
    with receiver() as other:
        make(used(acme), inbox.url)
        second = make(acme, other.url)
        acme.patch(f"{WEBHOOKS}/{second['id']}", {"description": "x"})

        work()

        assert sorted(types(inbox)) == ["webhook.created", "webhook.updated"]
        assert types(other) == []


def test_test__is_sent_to_that_webhook_alone_whatever_its_types(acme: Api, inbox: Receiver) -> None:
    with receiver() as other:
        webhook = make(acme, inbox.url, types=["customer.created"])
        make(acme, other.url, types=["customer.created"])

        answer = acme.post(f"{WEBHOOKS}/{webhook['id']}/test", {})
        work()

        assert answer.status_code == 202
        assert (inbox.ids, types(inbox)) == ([answer.json()["event_id"]], ["webhook.tested"])
        assert other.received == []


def test_delivery__refused_at_first__is_sent_again_under_the_same_id(acme: Api, merchant: Api, inbox: Receiver) -> None:
    webhook = make(acme, inbox.url)
    rename(acme, merchant, "New")
    inbox.answer = Answer(500)
    work()
    (delivery,) = deliveries(acme)
    assert (delivery.status, delivery.attempts) == ("pending", 1)

    inbox.answer = Answer()
    make_deliveries_due()
    work()

    (delivery,) = deliveries(acme)
    assert (delivery.status, delivery.attempts) == ("delivered", 2)
    assert len(set(inbox.ids)) == 1
    assert inbox.received[0].body == inbox.received[1].body
    assert [each["status_code"] for each in attempts(acme, webhook)] == [200, 500]


def test_delivery__refused_until_the_end__fails_and_can_be_replayed(
    acme: Api, merchant: Api, inbox: Receiver, settings: Any
) -> None:
    settings.DELIVERY_RETRY_SECONDS = [60]
    webhook = make(acme, inbox.url)
    rename(acme, merchant, "New")
    inbox.answer = Answer(404)
    for _ in range(2):
        work()
        make_deliveries_due()
    (delivery,) = deliveries(acme)
    assert (delivery.status, delivery.failure_reason) == ("failed", "attempts_exhausted")

    inbox.answer = Answer()
    acme.post(f"{WEBHOOKS}/{webhook['id']}/replay", {"since": "2026-01-01T00:00:00Z"})
    work()

    assert {each.status for each in deliveries(acme)} == {"delivered"}


def test_gone__410__switches_the_webhook_off_and_tells_the_others(acme: Api, merchant: Api, inbox: Receiver) -> None:
    with receiver(Answer(410)) as gone:
        make(acme, inbox.url, types=["webhook.disabled"])
        webhook = make(acme, gone.url + "/hook", types=["customer.updated"])
        rename(acme, merchant, "New")
        rename(acme, merchant, "Newer")

        work()
        work()

        found = acme.get(f"{WEBHOOKS}/{webhook['id']}").json()["webhook"]
        assert found["active"] is False
        assert found["disabled_at"] is not None
        (told,) = inbox.received
        assert told.json["data"] == {
            "webhook_id": webhook["id"],
            "url": gone.url + "/hook",
            "reason": "endpoint_gone",
        }
        assert by_system(acme) == [("webhook.disabled", "webhook")]
        rename(acme, merchant, "Newest")
        sent = len(gone.received)
        work()
        assert len(gone.received) == sent

        gone.answer = Answer()
        acme.patch(f"{WEBHOOKS}/{webhook['id']}", {"active": True})
        rename(acme, merchant, "At last")
        work()
        assert len(gone.received) == sent + 1
        assert acme.get(f"{WEBHOOKS}/{webhook['id']}").json()["webhook"]["disabled_at"] is None


def test_secret__while_it_rotates__signs_beside_the_one_before(acme: Api, merchant: Api, inbox: Receiver) -> None:
    webhook = make(acme, inbox.url)
    new = acme.post(f"{WEBHOOKS}/{webhook['id']}/rotate-secret", {}).json()["webhook_secret"]
    rename(acme, merchant, "New")

    work()

    one = inbox.received[-1]
    assert one.headers["webhook-signature"].split() == [
        signature(new, one),
        signature(webhook["webhook_secret"], one),
    ]


def test_deleted_webhook__is_sent_nothing_and_forgotten(acme: Api, merchant: Api, inbox: Receiver) -> None:
    webhook = make(acme, inbox.url)
    rename(acme, merchant, "New")
    webhooks.fan_out()
    acme.delete(f"{WEBHOOKS}/{webhook['id']}")

    work()
    forget_events(timestamp=0)

    assert inbox.received == []
    assert as_owner("SELECT count(*) FROM delivery_webhook") == [(0,)]
    assert as_owner("SELECT count(*) FROM delivery_webhookdelivery") == [(0,)]


def test_old_event__goes_with_its_deliveries(acme: Api, merchant: Api, inbox: Receiver) -> None:
    make(acme, inbox.url)
    rename(acme, merchant, "New")
    work()
    as_owner("UPDATE tenants_partnerevent SET created_at = now() - interval '91 days'")

    forget_events(timestamp=0)

    assert as_owner("SELECT count(*) FROM delivery_webhookdelivery") == [(0,)]
    assert as_owner("SELECT count(*) FROM delivery_webhookattempt") == [(0,)]


def test_worker__killed_between_commit_and_send__loses_nothing(
    acme: Api, merchant: Api, inbox: Receiver, tmp_path: Path
) -> None:
    """What it had leased is due when the lease ends, and is sent by another."""
    make(acme, inbox.url)
    rename(acme, merchant, "New")

    def kill(_: Received) -> None:
        process.kill()

    inbox.answer = kill
    with worker(tmp_path / "first") as process:
        wait_for(lambda: bool(inbox.received))
        process.wait(30)
    (delivery,) = deliveries(acme)
    assert (delivery.status, delivery.attempts) == ("pending", 1)
    assert delivery.leased_until is not None

    inbox.answer = Answer()
    make_deliveries_due()
    with worker(tmp_path / "second"):
        wait_for(lambda: deliveries(acme)[0].status == "delivered")

    assert len(set(inbox.ids)) == 1


def test_fan_out__of_many_events__is_bounded_and_makes_each_delivery_once(acme: Api, inbox: Receiver) -> None:
    make(used(acme), inbox.url)
    as_owner(
        "INSERT INTO tenants_partnerevent (tenant_id, type, version, actor, data)"
        " SELECT %s, 'customer.updated', 1, 'system', '{}' FROM generate_series(1, 300)",
        acme.tenant_id,
    )

    passed = [webhooks.fan_out() for _ in range(4)]

    assert passed == [128, 128, 45, 0]  # with that of the webhook itself
    assert len(deliveries(acme)) == 300


def test_claim__one_webhook_with_a_backlog_beside_another__takes_both(acme: Api, inbox: Receiver) -> None:
    with receiver() as other:
        make(acme, inbox.url)
        small = make(acme, other.url, types=["webhook.tested"])
        as_owner(
            "INSERT INTO tenants_partnerevent (tenant_id, type, version, actor, data)"
            " SELECT %s, 'customer.updated', 1, 'system', '{}' FROM generate_series(1, 100)",
            acme.tenant_id,
        )
        acme.post(f"{WEBHOOKS}/{small['id']}/test", {})
        webhooks.fan_out()

        leased = webhooks.claim(Room(wanted=8, per_endpoint=4, slow_wanted=8, per_slow_endpoint=4))

    assert len(leased) == 5
    assert small["id"] in {lease.webhook_id for lease in leased}


def test_webhook_that_never_answers__holds_up_no_action_and_no_other_webhook(
    acme: Api, inbox: Receiver, settings: Any
) -> None:
    settings.DELIVERY_TIMEOUT_SECONDS = 3
    shop = merchant_of(acme, inbox.url + "/actions")
    answered: list[str] = []

    def silent(one: Received) -> Answer | None:
        wait_for(lambda: {"/actions", "/events"} <= {each.path for each in inbox.received})
        answered.append(one.path)
        return Answer()

    with receiver(silent) as deaf:
        make(acme, deaf.url)
        make(acme, inbox.url + "/events")
        for n in range(40):
            rename(acme, shop.api, f"Name {n}")
        shop.dispatch()

        work()

    assert {"/actions", "/events"} <= {one.path for one in inbox.received}


# --- Failing actions --------------------------------------------------------------------------------------------------


def failed_events(partner: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = partner.get("/api/partners/events", {"types": "action.failed"}).json()["events"]
    return found


@pytest.fixture
def failing(acme: Api, inbox: Receiver, settings: Any) -> Merchant:
    settings.DELIVERY_RETRY_SECONDS = []
    inbox.answer = Answer(400)
    return merchant_of(acme, inbox.url)


def test_action_failed__many_in_an_hour__is_told_once_without_the_user(
    failing: Merchant, acme: Api, inbox: Receiver
) -> None:
    ids = {failing.dispatch() for _ in range(5)}
    work()
    failing.dispatch()
    work()

    (event,) = failed_events(acme)
    assert event["customer"]["tenant_id"] == str(failing.api.tenant_id)
    assert event["actor"] == {"type": "system"}
    data = event["data"]
    assert data.pop("action_id") in ids
    assert data == {
        "action_type": "grant_points",
        "integration_id": newest(acme, "integration.registered")["data"]["integration_id"],
        "url": inbox.url,
        "reason": "attempts_exhausted",
        "failed_in_hour_before": 0,
    }
    assert not re.search(r"\bu1\b", str(event))


def test_action_failed__in_the_next_hour__counts_those_of_the_hour_before(failing: Merchant, acme: Api) -> None:
    for _ in range(3):
        failing.dispatch()
    work()
    as_owner("UPDATE delivery_failurecount SET hour = hour - interval '1 hour'")
    failing.dispatch()
    make_due()
    work()

    assert [event["data"]["failed_in_hour_before"] for event in failed_events(acme)] == [0, 3]
