"""An action's way from the commit to the receiver and back into its rows."""

from datetime import UTC, datetime, timedelta

import pytest

from delivery.models import ActionStatus
from delivery.outcomes import tokens
from delivery.worker import actions
from retivo.api.errors import Problem
from tests.conftest import Api
from tests.delivery.cast import Merchant, merchant_of, work
from tests.delivery.receiver import Answer, Receiver
from tests.owner import as_owner


def test_dispatch__once_committed__is_sent_as_the_contract_says(shop: Merchant, inbox: Receiver) -> None:
    id = shop.dispatch(decision_id="dec_1")

    work()

    (sent,) = inbox.received
    action = shop.action(id)
    assert id.startswith("ea_")
    assert sent.path == "/points?a=b"
    assert sent.json == {
        "action_id": id,
        "action_type": "grant_points",
        "provider": "loyalty",
        "tenant_id": str(shop.api.tenant_id),
        "user_id": "u1",
        "parameters": {"amount": 5},
        "decision_id": "dec_1",
        "domain": "",
        "created_at": action.created_at.isoformat().replace("+00:00", "Z"),
        "expires_at": action.expires_at.isoformat().replace("+00:00", "Z"),
        "outcome_url": tokens.url(tenant_id=shop.api.tenant_id, action_id=id, expires_at=action.expires_at),
    }
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["host"] == inbox.url.removeprefix("http://")
    assert (action.status, action.attempts, action.leased_until) == (ActionStatus.DELIVERED, 1, None)
    assert action.delivered_at is not None
    (attempt,) = shop.attempts(id)
    assert (attempt.number, attempt.status_code, attempt.error, attempt.response) == (1, 200, "", "ok")
    assert attempt.latency_ms >= 0


def test_dispatch__rolled_back__sends_nothing(shop: Merchant, inbox: Receiver) -> None:
    with pytest.raises(Problem) as refused:
        shop.dispatch(parameters={"amount": "many"})

    work()

    assert refused.value.errors[0]["pointer"] == "/parameters/amount"
    assert (inbox.received, shop.statuses()) == ([], {})


def test_parameters__schema_changed_since__are_not_sent(shop: Merchant, inbox: Receiver) -> None:
    id = shop.dispatch()
    as_owner("""UPDATE integrations_actiontype SET parameters_schema = '{"maxProperties": 0}'""")

    work()

    action = shop.action(id)
    assert (action.status, action.failure_reason, action.attempts) == ("failed", "invalid_parameters", 0)
    assert inbox.received == []


def test_expired__before_it_was_sent__never_is(shop: Merchant, inbox: Receiver) -> None:
    id = shop.dispatch(expires_at=datetime.now(UTC) - timedelta(seconds=1))

    work()

    assert inbox.received == []
    assert actions.expire() == 1
    assert shop.action(id).status == "expired"


def test_user__erased__takes_actions_and_attempts_along(shop: Merchant, inbox: Receiver) -> None:
    shop.dispatch()
    work()
    as_owner("DELETE FROM events_trackeduser WHERE user_id = 'u1'")
    assert as_owner("SELECT (SELECT count(*) FROM delivery_action), (SELECT count(*) FROM delivery_attempt)")[0] == (
        0,
        0,
    )


def test_answer__long__its_first_kib_is_kept(shop: Merchant, inbox: Receiver) -> None:
    inbox.answer = Answer(body=b"x" * 5_000_000)
    id = shop.dispatch()

    work()

    (attempt,) = shop.attempts(id)
    assert (attempt.status_code, attempt.response) == (200, "x" * 1024)


def test_secret__that_cannot_be_decrypted__fails_its_action_and_stops_no_other(
    acme: Api, shop: Merchant, inbox: Receiver
) -> None:
    other = merchant_of(acme, inbox.url, slug="other", provider="other")
    as_owner("UPDATE integrations_partnerintegration SET encrypted_webhook_secret = 'x' WHERE provider = 'loyalty'")
    id, fine = shop.dispatch(), other.dispatch()

    work()

    assert (shop.action(id).status, shop.action(id).failure_reason) == ("failed", "internal_error")
    assert other.action(fine).status == "delivered"
