"""A partner reports outcomes of its integrations' actions, of all its customers, and of nobody else's."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import ProgrammingError, connection

from decisions.upkeep.aftermath import settle_tenant
from tenants import services as tenants
from tenants.context import staff_context, tenant_context
from tenants.models import Scope
from tests.conftest import Api, Server
from tests.delivery.cast import Merchant, customer_of, merchant_of
from tests.delivery.receiver import Receiver, receiver
from tests.owner import as_owner

PATH = "/api/partners/outcomes"


@pytest.fixture
def inbox() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
def shop(acme: Api, inbox: Receiver) -> Merchant:
    return merchant_of(acme, inbox.url)


def delivered(*shops: Merchant) -> list[str]:
    """Their ids, as if they had been sent."""
    ids = [shop.dispatch() for shop in shops]
    as_owner("UPDATE delivery_action SET attempts = 1, status = 'delivered' WHERE id = ANY(%s)", ids)
    return ids


def own_type(shop: Merchant, inbox: Receiver) -> Merchant:
    """With an action type that the customer registered itself."""
    own = {"name": "call_up", "provider": "own", "description": "d", "delivery_webhook": inbox.url}
    made = shop.api.post("/api/external/action-types", {**own, "parameters_schema": {"amount": {"type": "number"}}})
    return Merchant(shop.api, made.json()["action_type"]["id"], "")


def report(api: Api, *outcomes: Any, **headers: str) -> Any:
    return api.post(PATH, {"outcomes": list(outcomes)}, **headers)


def one(action_id: str, status: str = "completed", **more: Any) -> dict[str, Any]:
    return {"action_id": action_id, "status": status, **more}


def shown(shop: Merchant, id: str) -> Any:
    return shop.api.get(f"/api/external/actions/{id}").json()["action"]["outcome"]


def test_report__of_several_customers__is_recorded_for_each(acme: Api, shop: Merchant) -> None:
    other = customer_of(acme, shop.secret, slug="other")
    ids = delivered(shop, other)

    response = report(acme, one(ids[0], result={"n": 1}), one(ids[1], "ignored"))

    assert (response.status_code, response.json()) == (200, {"recorded": 2, "duplicates": 0, "rejected": []})
    first, second = shown(shop, ids[0]), shown(other, ids[1])
    assert (first["status"], first["result"], first["reported_by"]) == ("completed", {"n": 1}, "partner")
    assert (second["status"], second["result"], second["reported_by"]) == ("ignored", None, "partner")


def test_report__mixed_batch__is_answered_one_by_one(acme: Api, shop: Merchant) -> None:
    first, second, known = delivered(shop, shop, shop)
    assert shop.api.post(f"/api/external/actions/{known}/outcome", {"status": "rejected"}).status_code == 200
    unsent, nobodys = shop.dispatch(), f"ea_{uuid4().hex}"
    deep: Any = 1
    for _ in range(500):
        deep = [deep]

    answer = report(
        acme,
        one(first),
        one(known),
        one(first, "ignored"),
        one(unsent),
        one(nobodys),
        one("ea_1"),
        one(second, "done"),
        one(second, more=1),
        "text",
        None,
        one(second, result=[]),
        one(second, result={"x": "\0"}),
        one(second, result={"x": 10**400}),
        deep,
        one(second, "partial"),
    ).json()

    assert (answer["recorded"], answer["duplicates"]) == (2, 2)
    assert [(each["index"], each["code"]) for each in answer["rejected"]] == [
        (3, "not_found"),
        (4, "not_found"),
        (5, "invalid_format"),
        (6, "invalid_choice"),
        (7, "unknown_field"),
        (8, "invalid"),
        (9, "null"),
        (10, "not_an_object"),
        (11, "nul_character"),
        (12, "number_out_of_range"),
        (13, "nested_too_deep"),
    ]
    assert [shown(shop, each)["status"] for each in (first, second, known)] == ["completed", "partial", "rejected"]
    assert shown(shop, unsent) is None


def test_report__of_another_partners_actions__is_as_of_none(acme: Api, rival: Api, shop: Merchant) -> None:
    (id,) = delivered(shop)
    (told,) = report(rival, one(id)).json()["rejected"]
    (nobodys,) = report(rival, one(f"ea_{uuid4().hex}")).json()["rejected"]

    assert told == nobodys
    assert told["code"] == "not_found"
    assert shown(shop, id) is None


def test_report__of_a_customers_own_action_type__is_as_of_none(acme: Api, shop: Merchant, inbox: Receiver) -> None:
    """Even where the customer is the partner's: what the customer carries out itself is its own to report."""
    (id,) = delivered(own_type(shop, inbox))

    assert [each["code"] for each in report(acme, one(id)).json()["rejected"]] == ["not_found"]
    assert shown(shop, id) is None


def test_report__of_an_erased_user__is_not_found(acme: Api, shop: Merchant) -> None:
    (id,) = delivered(shop)
    assert shop.api.delete("/api/customers/u1").status_code == 200

    assert [each["code"] for each in report(acme, one(id)).json()["rejected"]] == ["not_found"]


def test_report__same_batch_ten_times_at_once__records_each_once(acme: Api, shop: Merchant, server: Server) -> None:
    ids = delivered(*[shop] * 20)
    ready = threading.Barrier(10)

    def race(turn: int) -> Any:
        ready.wait()
        batch = [one(id) for id in (ids if turn % 2 else reversed(ids))]
        return server.send(acme, "POST", PATH, {"outcomes": batch}).json()

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(race, range(10)))

    told = Counter({name: sum(answer.get(name, 0) for answer in answers) for name in ("recorded", "duplicates")})
    turned_away = sum("recorded" not in answer for answer in answers)  # beyond a partner's share of the threads
    assert told == {"recorded": 20, "duplicates": 20 * (9 - turned_away)}
    assert as_owner("SELECT count(*) FROM delivery_action WHERE outcome_by = 'partner'") == [(20,)]


def test_report__with_an_idempotency_key__answers_the_same_again(acme: Api, shop: Merchant) -> None:
    (id,) = delivered(shop)
    first = report(acme, one(id), Idempotency_Key="k1")
    again = report(acme, one(id), Idempotency_Key="k1")

    assert first.json() == again.json() == {"recorded": 1, "duplicates": 0, "rejected": []}
    assert again["Idempotency-Replayed"] == "true"
    assert report(acme, one(id)).json()["duplicates"] == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "required"),
        ({"outcomes": None}, 400, "null"),
        ({"outcomes": {}}, 400, "not_a_list"),
        ({"outcomes": [], "more": 1}, 400, "unknown_field"),
        ([], 400, "invalid"),
        (b'{"outcomes": [{]}', 400, None),
    ],
)
def test_report__body_that_is_no_batch__names_what_is_wrong(
    acme: Api, body: Any, status: int, code: str | None
) -> None:
    response = acme.post(PATH, body)

    assert response.status_code == status
    if code is None:
        assert response.json()["code"] == "malformed_json"
    else:
        assert [error["code"] for error in response.json()["errors"]] == [code]


def test_report__hundred_outcomes__are_taken_and_one_more_is_413(acme: Api, shop: Merchant) -> None:
    ids = delivered(*[shop] * 100)

    over = report(acme, *map(one, [*ids, ids[0]]))
    assert (over.status_code, over.json()["code"]) == (413, "batch_too_large")
    assert report(acme, *map(one, ids)).json()["recorded"] == 100
    assert report(acme).json() == {"recorded": 0, "duplicates": 0, "rejected": []}


def test_report__with_a_key_of_integrations_alone__is_taken(acme: Api, shop: Merchant) -> None:
    (id,) = delivered(shop)
    with staff_context():
        narrow = tenants.issue_key(actor="test", tenant_id=acme.tenant_id, scopes=[Scope.PARTNER_INTEGRATIONS])

    assert report(Api(acme.tenant_id, narrow.text), one(id)).json()["recorded"] == 1


def test_report__hundred_customers__finds_actions_by_the_index(
    acme: Api, shop: Merchant, statements: list[str]
) -> None:
    (id,) = delivered(shop)
    statements.clear()
    report(acme, one(id), one(f"ea_{uuid4().hex}"))
    assert len(statements) <= 3  # the look-up of the key, all outcomes, and the audit entry with the event

    as_owner("SET enable_seqscan = off")
    plan = as_owner(f"EXPLAIN SELECT 1 FROM delivery_action WHERE id = '{id}' AND attempts > 0")
    as_owner("RESET enable_seqscan")
    assert "action_sent" in str(plan)


# --- What the partner is told ---------------------------------------------------------------------------------------

COUNTS = {"completed": 0, "partial": 0, "ignored": 0, "rejected": 0}


def told(partner: Api) -> list[tuple[Any, Any]]:
    rows = as_owner(
        "SELECT customer_id, data::text FROM tenants_partnerevent"
        " WHERE tenant_id = %s AND type = 'action.outcome_recorded' ORDER BY seq",
        partner.tenant_id,
    )
    return [(customer_id, json.loads(data)) for customer_id, data in rows]


def test_report__of_a_batch__is_one_entry_and_one_event_of_counts(acme: Api, rival: Api, shop: Merchant) -> None:
    ids = delivered(shop, shop, shop)

    report(acme, one(ids[0]), one(ids[1], "ignored"), one(ids[2]), one("ea_1"))
    report(acme, one(ids[0]))  # nothing new
    settle_tenant(shop.api.tenant_id)

    assert told(acme) == [(None, COUNTS | {"completed": 2, "ignored": 1})]
    (entry,) = as_owner("SELECT actor, tenant_id FROM tenants_auditentry WHERE action = 'action.outcome_recorded'")
    assert entry == (acme.actor, acme.tenant_id)
    assert told(rival) == []


def test_outcomes__reported_by_others__are_one_event_of_counts_for_a_customer_and_a_run(
    acme: Api, shop: Merchant
) -> None:
    other = customer_of(acme, shop.secret, slug="other")
    ids = delivered(shop, shop, shop, other)
    settle_tenant(shop.api.tenant_id)
    assert told(acme) == []

    for id, status in zip(ids[:3], ("completed", "rejected", "completed"), strict=True):
        assert shop.api.post(f"/api/external/actions/{id}/outcome", {"status": status}).status_code == 200
    assert other.api.post(f"/api/external/actions/{ids[3]}/outcome", {"status": "partial"}).status_code == 200
    for each in (shop, other, shop):
        settle_tenant(each.api.tenant_id)

    assert told(acme) == [
        (shop.api.tenant_id, COUNTS | {"completed": 2, "rejected": 1}),
        (other.api.tenant_id, COUNTS | {"partial": 1}),
    ]


def test_outcomes__of_a_customers_own_action_type__are_not_told(acme: Api, shop: Merchant, inbox: Receiver) -> None:
    mine = own_type(shop, inbox)
    (id,) = delivered(mine)
    assert shop.api.post(f"/api/external/actions/{id}/outcome", {"status": "completed"}).status_code == 200

    settle_tenant(shop.api.tenant_id)

    assert told(acme) == []


# --- SQL of the runtime role ----------------------------------------------------------------------------------------

_CALL = "SELECT action_id, verdict FROM record_outcome_of_own_integration(%s, %s::jsonb)"


def test_function__in_another_tenants_name__is_refused(acme: Api, rival: Api, shop: Merchant) -> None:
    (id,) = delivered(shop)
    batch = f'[{{"action_id": "{id}", "status": "completed"}}]'

    for context in (rival.tenant_id, shop.api.tenant_id):
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            tenant_context(context),
            connection.cursor() as cursor,
        ):
            cursor.execute(_CALL, [acme.tenant_id, batch])
    with pytest.raises(ProgrammingError, match="permission denied"), connection.cursor() as cursor:
        cursor.execute(_CALL, [acme.tenant_id, batch])
    assert shown(shop, id) is None


def test_function__in_the_partners_context__tells_one_of_three_words_and_shows_no_row(
    acme: Api, rival: Api, shop: Merchant
) -> None:
    (id,) = delivered(shop)
    batch = f'[{{"action_id": "{id}", "status": "completed"}}, {{"action_id": "ea_x", "status": "completed"}}]'

    told = []
    for partner in (rival, acme, acme):
        with tenant_context(partner.tenant_id), connection.cursor() as cursor:
            cursor.execute(_CALL, [partner.tenant_id, batch])
            told.append(dict(cursor.fetchall()))
            cursor.execute("SELECT count(*) FROM delivery_action")
            assert cursor.fetchone() == (0,)

    assert told == [{id: word, "ea_x": "unknown"} for word in ("unknown", "recorded", "duplicate")]
