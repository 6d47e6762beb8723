"""A tenant's own action type, from its registration to the receiver."""

import pytest
import standardwebhooks

from delivery.transport import signing
from retivo.api.errors import Problem
from tests.conftest import Api
from tests.delivery.cast import Merchant, work
from tests.delivery.receiver import Answer, Received, Receiver

PATH = "/api/external/action-types"


@pytest.fixture
def own(acme: Api, inbox: Receiver) -> Merchant:
    """A merchant with an action type of its own, and another of acme's."""
    acme.register()
    merchant = acme.provision("merchant")
    merchant.post("/api/track", {"events": [{"user_id": "u1", "event": "e"}]})
    body = {
        "name": "send_gift_card",
        "description": "Send a gift card",
        "provider": "our-shop",
        "parameters_schema": {"amount": {"type": "number", "required": True}},
        "delivery_webhook": inbox.url + "/cards",
    }
    action_type = merchant.post(PATH, body).json()["action_type"]
    return Merchant(merchant, action_type["id"], action_type["webhook_secret"])


def verified(received: Received, secret: str) -> bool:
    try:
        standardwebhooks.Webhook(secret.encode()).verify(received.body, received.headers)
    except standardwebhooks.WebhookVerificationError:
        return False
    return True


def test_own_action_type__dispatched__is_sent_and_signed_with_its_own_secret(own: Merchant, inbox: Receiver) -> None:
    id = own.dispatch()

    work()

    (sent,) = inbox.received
    assert (sent.path, sent.json["action_type"], sent.json["provider"]) == ("/cards", "send_gift_card", "our-shop")
    assert verified(sent, own.secret)
    expected = signing.headers(secrets=[own.secret], message_id=id, timestamp=0, body=sent.body)
    assert sent.headers["x-retivo-signature"] == expected["X-Retivo-Signature"]
    assert "x-retivo-signature-previous" not in sent.headers
    assert own.action(id).status == "delivered"
    assert own.api.post(f"/api/external/actions/{id}/outcome", {"status": "completed"}).status_code == 200


def test_secret__rotated__signs_with_both_and_without_overlap_with_the_new_one(own: Merchant, inbox: Receiver) -> None:
    path = f"{PATH}/{own.action_type_id}/rotate-secret"
    second = own.api.post(path, {}).json()["webhook_secret"]
    own.dispatch()
    work()
    third = own.api.post(path, {"overlap_hours": 0}).json()["webhook_secret"]
    own.dispatch()
    work()

    during, after = inbox.received
    assert [verified(during, secret) for secret in (own.secret, second, third)] == [True, True, False]
    assert [verified(after, secret) for secret in (own.secret, second, third)] == [False, False, True]
    assert "x-retivo-signature-previous" in during.headers


def test_webhook__changed_while_an_action_waits__is_where_it_goes(own: Merchant, inbox: Receiver) -> None:
    own.dispatch()
    own.api.put(f"{PATH}/{own.action_type_id}", {"delivery_webhook": inbox.url + "/elsewhere"})

    work()

    assert [sent.path for sent in inbox.received] == ["/elsewhere"]


def test_switched_off__while_an_action_waits__is_not_sent(own: Merchant, inbox: Receiver) -> None:
    id = own.dispatch()
    own.api.delete(f"{PATH}/{own.action_type_id}")

    work()

    assert (own.action(id).status, own.action(id).failure_reason) == ("failed", "action_type_inactive")
    assert inbox.received == []
    with pytest.raises(Problem) as refused:
        own.dispatch()
    assert refused.value.code == "action_type_inactive"


def test_shared_one__switched_off_by_the_customer__is_not_dispatched(shop: Merchant) -> None:
    shop.api.delete(f"{PATH}/{shop.action_type_id}")

    with pytest.raises(Problem) as refused:
        shop.dispatch()

    assert refused.value.code == "action_type_inactive"


def test_endpoint__that_is_gone__is_the_tenants_own_and_harms_no_partner(
    acme: Api, own: Merchant, inbox: Receiver
) -> None:
    inbox.answer = Answer(410)
    own.dispatch()
    work()
    inbox.answer = Answer(200)
    template = {"name": "grant_points", "delivery_webhook": inbox.url + "/cards"}
    acme.register("second", action_type_templates=[template])
    other = acme.provision("other")
    other.post("/api/track", {"events": [{"user_id": "u1", "event": "e"}]})
    (shared,) = other.get(PATH, {"provider": "second"}).json()["action_types"]
    partners = Merchant(other, shared["id"], "")

    ids = partners.dispatch(), own.dispatch()
    work()

    assert partners.action(ids[0]).status == "delivered"
    assert (own.action(ids[1]).status, own.action(ids[1]).failure_reason) == ("failed", "endpoint_gone")


def test_pattern__that_backtracks_elsewhere__hangs_neither_request_nor_worker(own: Merchant, inbox: Receiver) -> None:
    schema = {"code": {"type": "string", "pattern": "(a+)+$"}}
    assert own.api.put(f"{PATH}/{own.action_type_id}", {"parameters_schema": schema}).status_code == 200

    with pytest.raises(Problem) as refused:
        own.dispatch(parameters={"code": "a" * 15_000 + "b"})
    id = own.dispatch(parameters={"code": "a" * 15_000})
    work()

    assert refused.value.errors[0]["pointer"] == "/parameters"  # where exactly is told only of what is soon checked
    assert own.action(id).status == "delivered"
