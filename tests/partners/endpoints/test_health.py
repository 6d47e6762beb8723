"""How a partner's endpoints are: told by their rows, and by events where it changes."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, connection
from django.utils import timezone

from delivery.endpoints import queries
from tenants.context import tenant_context
from tests.buffers import reads
from tests.conftest import Api
from tests.delivery.cast import Merchant, let_time_pass, make_due, merchant_of, work
from tests.delivery.receiver import Answer, Received, Receiver, receiver
from tests.owner import as_owner
from tests.partners.endpoints.cast import ENDPOINTS, act, counted, endpoint, endpoints, fail_all, told
from tests.tenants.audit.lines import by_system

MEMBERS = {
    "id", "url", "integration_ids", "status", "since", "disabled_because", "last_success_at", "last_failure",
    "latency_ms", "waiting", "failed_24h", "customers_affected", "certified_at",
}  # fmt: skip


def two_paths(url: str) -> list[dict[str, Any]]:
    return [{"name": name, "delivery_webhook": f"{url}/{name}"} for name in ("one", "two")]


def test_endpoints__of_integrations__are_listed_from_their_registration_on(acme: Api, rival: Api) -> None:
    loyalty = acme.register("loyalty")
    vouchers = acme.register("vouchers", action_type_templates=loyalty["action_type_templates"][1:])

    found = acme.get(ENDPOINTS).json()

    assert (found["total"], found["total_is_exact"], found["next_cursor"]) == (2, True, None)
    points, both = sorted(found["endpoints"], key=lambda each: str(each["url"]))
    assert points.keys() == both.keys() == MEMBERS
    assert points["url"] == "https://hooks.acme.example/points"
    assert points["integration_ids"] == [loyalty["id"]]
    assert both["integration_ids"] == sorted([loyalty["id"], vouchers["id"]])
    assert (points["status"], points["latency_ms"], points["last_failure"]) == ("well", None, None)
    assert endpoints(rival) == []


def test_endpoints__page_by_page__are_all_there_once(acme: Api) -> None:
    acme.register("loyalty", action_type_templates=[
        {"name": f"n{n}", "delivery_webhook": f"https://hooks.acme.example/{n}"} for n in range(5)
    ])  # fmt: skip
    urls, cursor = [], None
    while True:
        page = acme.get(ENDPOINTS, {"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        urls += [each["url"] for each in page["endpoints"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert sorted(urls) == [f"https://hooks.acme.example/{n}" for n in range(5)]


def test_answers__that_are_no_news__are_kept_for_its_latency_and_last_success(
    acme: Api, shop: Merchant, inbox: Receiver
) -> None:
    for _ in range(5):
        shop.dispatch()
    work()

    found = endpoint(acme, inbox.url + "/points?a=b")
    assert found["status"] == "well"
    assert found["last_success_at"] is not None
    assert 0 <= found["latency_ms"]["p50"] <= found["latency_ms"]["p95"]


def test_gone__one_path_of_a_host__disables_that_path_alone_until_it_is_enabled(acme: Api) -> None:
    def answer(one: Received) -> Answer:
        return Answer(410 if one.path == "/one" else 200)

    with receiver(answer) as host:
        acme.register("loyalty", action_type_templates=two_paths(host.url))
        customer = acme.provision("shop")
        customer.post("/api/track", {"events": [{"user_id": "u1", "event": "e"}]})
        types = customer.get("/api/external/action-types").json()["action_types"]
        by_name = {each["name"]: Merchant(customer, each["id"], "") for each in types}

        def send(name: str) -> str:
            return by_name[name].dispatch(parameters={})

        first, other, later = send("one"), send("two"), None
        work()
        later = send("one")
        work()

        one, two = endpoint(acme, host.url + "/one"), endpoint(acme, host.url + "/two")
        assert (one["status"], one["disabled_because"]) == ("disabled", "endpoint_gone")
        assert one["last_failure"]["status_code"] == 410
        assert (one["failed_24h"], two["failed_24h"]) == (2, 0)
        assert (two["status"], two["disabled_because"]) == ("well", None)
        assert [by_name["one"].action(id).status for id in (first, later)] == ["failed", "failed"]
        assert by_name["two"].action(other).status == "delivered"
        (event,) = told(acme)
        assert event["type"] == "endpoint.disabled"
        assert event["data"] == {"endpoint_id": one["id"], "url": one["url"], "reason": "endpoint_gone"}
        assert by_system(acme) == [("endpoint.disabled", "endpoint")]
        assert endpoints(acme, status="disabled") == [one]
        assert endpoints(acme, status="open") == []

        host.answer = Answer(200)
        answered = act(acme, one, "enable")
        assert answered.status_code == 200
        assert answered.json()["endpoint"]["status"] == "well"
        assert send("one")
        work()
        assert by_name["one"].statuses() == {"failed": 2, "delivered": 2}


def test_failures__until_it_is_left_alone_and_answers_again__are_two_events(
    acme: Api, shop: Merchant, inbox: Receiver
) -> None:
    inbox.answer, url = Answer(500), inbox.url + "/points?a=b"
    shop.dispatch()
    work()
    assert endpoint(acme, url)["status"] == "failing"
    for _ in range(5):
        shop.dispatch()
    work()
    found = endpoint(acme, url)
    assert found["status"] == "open"
    assert (found["last_failure"]["status_code"], found["last_failure"]["error"]) == (500, None)
    assert [event["type"] for event in told(acme)] == ["endpoint.failing"]
    let_time_pass(60)
    make_due()
    work()  # it is tried once, fails, and is left alone for longer: no news
    assert [event["type"] for event in told(acme)] == ["endpoint.failing"]

    inbox.answer = Answer(200)
    let_time_pass(600)
    make_due()
    work()

    assert endpoint(acme, url)["status"] == "well"
    assert [event["type"] for event in told(acme)] == ["endpoint.failing", "endpoint.recovered"]
    assert endpoint(acme, url)["since"] > found["since"]


def test_failures__again_within_the_hour__are_not_told_again(acme: Api, shop: Merchant, inbox: Receiver) -> None:
    for status in (500, 200, 500, 200):
        inbox.answer = Answer(status)
        for _ in range(5):
            shop.dispatch()
        work()
        let_time_pass(600)
        make_due()
        work()

    assert [event["type"] for event in told(acme)] == ["endpoint.failing", "endpoint.recovered"]


def test_slow__until_it_hurries__is_shown(acme: Api, shop: Merchant, inbox: Receiver) -> None:
    url = inbox.url + "/points?a=b"
    as_owner("UPDATE delivery_endpoint SET slow_since = now() WHERE url = %(u)s", u=url)
    assert endpoint(acme, url)["status"] == "slow"
    shop.dispatch()
    work()
    assert endpoint(acme, url)["status"] == "well"


def test_enable__while_it_is_left_alone__has_it_tried_at_once(acme: Api, shop: Merchant, inbox: Receiver) -> None:
    inbox.answer, url = Answer(500), inbox.url + "/points?a=b"
    for _ in range(6):
        shop.dispatch()
    work()
    inbox.answer = Answer(200)
    found = endpoint(acme, url)
    assert found["status"] == "open"

    assert act(acme, found, "enable").json()["endpoint"]["status"] == "well"
    make_due()
    work()

    assert shop.statuses() == {"delivered": 6}
    (event,) = told(acme, "endpoint.enabled")
    assert (event["previous"]["status"], event["data"]["status"]) == ("open", "well")


def test_enable__of_one_that_is_well__changes_nothing(acme: Api, shop: Merchant, inbox: Receiver) -> None:
    found = endpoint(acme, inbox.url + "/points?a=b")

    answer = act(acme, found, "enable")

    assert answer.status_code == 200
    assert told(acme) == []


def test_counts__of_what_waits_and_failed__are_of_all_customers_and_of_this_endpoint(acme: Api, rival: Api) -> None:
    url = "https://hooks.acme.example/points"
    integration = acme.register("loyalty", action_type_templates=[{"name": "grant", "delivery_webhook": url}])
    shops = []
    for slug in ("one", "two", "three"):
        customer = acme.provision(slug)
        customer.post("/api/track", {"events": [{"user_id": "u1", "event": "e"}]})
        (kind,) = customer.get("/api/external/action-types").json()["action_types"]
        shops.append(Merchant(customer, kind["id"], ""))
    merchant_of(rival, url).dispatch()  # the same URL of another partner
    for shop, number in zip(shops, (2, 1, 0), strict=True):
        for _ in range(number):
            shop.dispatch(parameters={})
    shops[2].dispatch(parameters={}, expires_at=timezone.now() - timedelta(seconds=1))

    found = counted(acme, url)
    assert found["integration_ids"] == [integration["id"]]
    assert (found["waiting"], found["customers_affected"]) == (3, 2)
    assert (counted(rival, url)["waiting"], counted(rival, url)["customers_affected"]) == (1, 1)

    fail_all()
    assert (counted(acme, url)["waiting"], counted(acme, url)["customers_affected"]) == (0, 2)
    as_owner("DELETE FROM delivery_action")
    assert (counted(acme, url)["waiting"], counted(acme, url)["customers_affected"]) == (0, 0)


def test_list__whatever_waits_and_failed__reads_the_same(acme: Api) -> None:
    shop = merchant_of(acme, "https://hooks.acme.example/points")
    acme.register("other", action_type_templates=[
        {"name": f"n{n}", "delivery_webhook": f"https://hooks.acme.example/{n}"} for n in range(50)
    ])  # fmt: skip
    shop.dispatch()

    def read() -> int:
        as_owner(
            "VACUUM ANALYZE delivery_action, delivery_endpoint, delivery_endpointhour,"
            " integrations_partnerintegration, integrations_revisiontemplate"
        )
        with tenant_context(acme.tenant_id), reads() as seen:
            page = queries.page(partner_id=acme.tenant_id, status=None, limit=50, after=None)
            assert len(page["endpoints"]) == 50
        assert all("delivery_action " not in each.sql for each in seen)
        return sum(each.rows for each in seen)

    few = read()
    as_owner(MANY)
    counted(acme, "https://hooks.acme.example/points")
    assert read() <= few + 5
    assert few < 50 * 10


MANY = """
    INSERT INTO delivery_action (tenant_id, action_type_id, action_type, provider, domain, user_id, parameters, status,
                                 due_at, attempts, replayed_from, failure_reason, expires_at)
    SELECT tenant_id, action_type_id, action_type, provider, '', user_id, '{}',
           CASE WHEN n % 2 = 0 THEN 'failed' ELSE 'pending' END, now(), 8, 0,
           CASE WHEN n % 2 = 0 THEN 'attempts_exhausted' ELSE '' END, now() + interval '1 day'
      FROM delivery_action, generate_series(1, 5000) n
"""


@pytest.mark.parametrize("path", ["", "/enable", "/recover", "/certify", "/recoveries/x", "/certifications/x"])
def test_endpoint__of_another_partner_or_of_nobody__is_not_found(acme: Api, rival: Api, path: str) -> None:
    acme.register()
    body = {"since": "2026-11-01T00:00:00Z"} if path == "/recover" else {}
    for id in (endpoints(acme)[0]["id"], "4c1d7f0a-9b2e-5d38-8f61-0a7c3e5b9d24"):
        url = f"{ENDPOINTS}/{id}{path}"
        answer = rival.get(url) if path in ("", "/recoveries/x", "/certifications/x") else rival.post(url, body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_key__that_may_read__may_not_act(acme: Api) -> None:
    acme.register()
    issued = acme.post("/api/partners/api-keys", {"label": "Reader", "scopes": ["partner:read"]}).json()["key"]
    reader = Api(acme.tenant_id, issued["api_key"])
    (found, _) = endpoints(reader)

    for name in ("enable", "recover", "certify"):
        answer = act(reader, found, name, {"since": "2026-01-01T00:00:00Z"} if name == "recover" else {})
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
        assert answer.json()["required_scope"] == "partner:integrations"


@pytest.mark.parametrize(
    ("name", "body", "pointer"),
    [
        ("enable", {"now": True}, "/now"),
        ("recover", {}, "/since"),
        ("recover", {"since": "yesterday"}, "/since"),
        ("recover", {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "/until"),
        ("recover", {"since": "2026-01-02T00:00:00Z", "dry_run": "yes"}, "/dry_run"),
        ("certify", {"integration_id": "x"}, "/integration_id"),
    ],
)
def test_body__that_is_wrong__is_named(acme: Api, name: str, body: Any, pointer: str) -> None:
    acme.register()
    answer = act(acme, endpoints(acme)[0], name, body)

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_disabled__without_a_known_reason__is_refused_by_the_database(acme: Api) -> None:
    acme.register()
    with pytest.raises(IntegrityError, match="endpoint_disabled_because"):
        as_owner("UPDATE delivery_endpoint SET disabled_at = now(), disabled_because = 'mood'")
    # The release before names none.
    as_owner("UPDATE delivery_endpoint SET disabled_at = now()")
    assert as_owner("SELECT DISTINCT status, disabled_because FROM delivery_endpoint") == [
        ("disabled", "endpoint_gone")
    ]
    as_owner("UPDATE delivery_endpoint SET disabled_at = NULL")
    assert as_owner("SELECT DISTINCT status, disabled_because FROM delivery_endpoint") == [("well", None)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE delivery_endpoint SET status = 'well'",
        "UPDATE delivery_endpoint SET url = 'https://evil.example'",
        "UPDATE delivery_certification SET status = 'passed'",
        "INSERT INTO delivery_certification (tenant_id, endpoint_id, integration_id, secret_version, status)"
        " SELECT tenant_id, id, id, 1, 'passed' FROM delivery_endpoint",
        "INSERT INTO integrations_secretversion (integration_id, tenant_id, version)"
        " SELECT id, tenant_id, 9 FROM delivery_endpoint",
        "UPDATE delivery_recovery SET replayed = 9",
    ],
)
def test_raw_sql__of_the_web__gives_no_health_and_no_certificate(acme: Api, statement: str) -> None:
    acme.register()
    with tenant_context(acme.tenant_id), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE app_web")
        with pytest.raises(ProgrammingError, match="permission denied"):
            cursor.execute(statement)
        connection.set_rollback(True)
