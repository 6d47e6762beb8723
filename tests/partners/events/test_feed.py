"""The feed over HTTP: in order, without gaps, within the partner's own; and the catalogue."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from jsonschema import Draft202012Validator

from delivery.tasks import forget_events
from tenants import catalogue, services
from tenants.context import staff_context
from tenants.feed import DAYS_KEPT
from tenants.models import PlanStatus
from tests.conftest import REPOSITORY, Api, Server
from tests.owner import as_owner
from tests.partners.webhooks.cast import used

FEED = "/api/partners/events"


def read(partner: Api, **query: Any) -> dict[str, Any]:
    answer = partner.get(FEED, query)
    assert answer.status_code == 200, answer.content
    page: dict[str, Any] = answer.json()
    return page


def types(page: dict[str, Any]) -> list[str]:
    return [event["type"] for event in page["events"]]


def fill(partner: Api, count: int, type_: str = "customer.updated") -> None:
    as_owner(
        "INSERT INTO tenants_partnerevent (tenant_id, type, version, actor, data)"
        " SELECT %s, %s, 1, 'system', '{\"changed\": [\"name\"]}' FROM generate_series(1, %s)",
        partner.tenant_id,
        type_,
        count,
    )


def test_event__of_a_change__says_what_who_and_to_whom(acme: Api, merchant: Api) -> None:
    acme.patch(f"/api/partners/customers/{merchant.tenant_id}", {"plan_tier": "scale"}, X_Request_Id="mine-1")

    event = read(acme)["events"][-1]

    assert list(event) == [
        "id", "seq", "type", "version", "created_at", "customer", "actor", "request_id", "data",
        "previous",
    ]  # fmt: skip
    assert event["type"] == "customer.updated"
    assert event["seq"] == len(read(acme)["events"])
    assert event["created_at"].endswith("Z")
    assert event["customer"] == {"tenant_id": str(merchant.tenant_id), "external_id": None}
    assert event["actor"] == {"type": "api_key", "id": acme.actor.removeprefix("api_key:")}
    assert event["request_id"]
    assert event["data"] == {"changed": ["plan_tier"]}
    assert event["previous"] == {"plan_tier": "starter"}


def test_event__of_staff__names_nobody(acme: Api, merchant: Api) -> None:
    with staff_context():
        services.set_plan_status(
            actor="staff:susan.smith", tenant_id=merchant.tenant_id, plan_status=PlanStatus.SUSPENDED
        )

    event = read(acme)["events"][-1]

    assert event["type"] == "customer.suspended"
    assert event["actor"] == {"type": "staff"}
    assert "susan" not in str(event)


def test_feed__read_page_by_page__is_whole_and_ends(acme: Api) -> None:
    fill(used(acme), 25)
    pages, after = [], None
    while True:
        page = read(acme, limit=10, **({} if after is None else {"after": after}))
        pages.append(page)
        after = page["next_after"]
        if page["next_cursor"] is None:
            break

    assert [len(page["events"]) for page in pages] == [10, 10, 7]  # with the first use of the key
    assert [event["seq"] for page in pages for event in page["events"]] == list(range(1, 28))
    assert pages[-1]["next_after"] == pages[-1]["events"][-1]["id"]
    nothing_new = read(acme, after=after)
    assert (nothing_new["events"], nothing_new["next_cursor"], nothing_new["next_after"]) == ([], None, after)


def test_feed__by_types_and_customer__holds_these_alone_and_goes_on_behind_what_was_looked_at(
    acme: Api, merchant: Api
) -> None:
    other = acme.provision("other")
    acme.patch(f"/api/partners/customers/{merchant.tenant_id}", {"name": "New"})
    as_owner("UPDATE tenants_tenant SET external_id = 'shop/1' WHERE id = %s", merchant.tenant_id)

    assert set(types(read(acme, types="customer.created"))) == {"customer.created"}
    assert types(read(acme, types="customer.created,customer.updated", customer_id=str(merchant.tenant_id))) == [
        "customer.created",
        "customer.updated",
    ]
    assert types(read(acme, customer_id="ext:shop/1")) == ["customer.created", "customer.updated"]
    assert types(read(acme, customer_id=str(other.tenant_id))) == ["customer.created"]
    assert types(read(acme, customer_id="ext:nobody")) == types(read(acme, customer_id=str(uuid4()))) == []
    none = read(acme, types="webhook.deleted")
    assert none == {"events": [], "next_cursor": None, "next_after": read(acme)["events"][-1]["id"]}


def test_feed__filter_that_finds_nothing_among_many__looks_at_a_bounded_number_and_goes_on(acme: Api) -> None:
    fill(acme, 10_000)
    fill(acme, 1, "webhook.deleted")

    first = read(acme, types="webhook.deleted")
    second = read(acme, types="webhook.deleted", after=first["next_cursor"])

    assert first["events"] == []
    assert types(second) == ["webhook.deleted"]
    assert second["next_cursor"] is None


def test_feed__of_events_that_are_old__has_forgotten_them_and_says_so(acme: Api, merchant: Api) -> None:
    first, *rest = read(acme)["events"]
    as_owner("UPDATE tenants_partnerevent SET created_at = now() - interval '91 days' WHERE id = %s", first["id"])

    forget_events(timestamp=0)

    assert read(acme)["events"] == rest
    gone = acme.get(FEED, {"after": first["id"]})
    assert (gone.status_code, gone.json()["code"]) == (410, "event_gone")


def test_feed__behind_anothers_event__is_as_behind_none(acme: Api, rival: Api) -> None:
    event = read(rival)["events"][0]

    answer = acme.get(FEED, {"after": event["id"]})

    assert (answer.status_code, answer.json()["code"]) == (410, "event_gone")
    assert event["id"] not in str(read(acme))


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ({"after": "4711"}, "/after", "invalid_format"),
        ({"after": "evt_'"}, "/after", "invalid_format"),
        ({"types": "customer.created,customer.eaten"}, "/types", "unknown_event_type"),
        ({"types": ""}, "/types", "blank"),
        ({"customer_id": "me"}, "/customer_id", "invalid"),
        ({"customer_id": "ext:\0"}, "/customer_id", "invalid_external_id"),
        ({"limit": "0"}, "/limit", "min_value"),
        ({"limit": "1001"}, "/limit", "max_value"),
        ({"cursor": "x"}, "/cursor", "unknown_field"),
    ],
)
def test_feed__asked_wrongly__names_what_is_wrong(acme: Api, query: dict[str, str], pointer: str, code: str) -> None:
    answer = acme.get(FEED, query)

    assert answer.status_code == 400
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]


def test_feed__with_a_customers_key__is_refused(acme: Api, merchant: Api) -> None:
    assert merchant.get(FEED).status_code == 403
    assert merchant.get("/api/partners/event-types").status_code == 403


def test_feed__page_of_100__is_one_statement(acme: Api, statements: list[str]) -> None:
    fill(acme, 200)
    read(acme)  # the process knows the key
    statements.clear()

    assert len(read(acme)["events"]) == 100

    assert len(statements) == 1


def test_reader__beside_8_writers__sees_each_event_once_in_order(acme: Api, merchant: Api, server: Server) -> None:
    path = f"/api/partners/customers/{merchant.tenant_id}"
    seen, after = list[int](), read(acme)["next_after"]
    before = len(read(acme)["events"])
    with ThreadPoolExecutor(8) as pool:
        changes = [pool.submit(server.send, acme, "PATCH", path, {"tracked_user_limit": n}) for n in range(1, 81)]
        while True:
            done = all(change.done() for change in changes)
            page = server.send(acme, "GET", f"{FEED}?after={after}&limit=7").json()
            seen += [event["seq"] for event in page["events"]]
            after = page["next_after"]
            if done and page["next_cursor"] is None:
                break

    assert {change.result().status_code for change in changes} == {200}
    assert seen == list(range(before + 1, before + 81))


def test_event_types__each__has_a_schema_that_its_example_meets(acme: Api) -> None:
    answer = acme.get("/api/partners/event-types").json()

    assert answer["total"] == len(answer["event_types"]) == len(catalogue.EVENTS)
    for found in answer["event_types"]:
        assert list(found) == ["name", "version", "description", "since", "schema", "example"]
        Draft202012Validator(found["schema"]).validate(found["example"])


@pytest.mark.no_database
def test_docs__their_table_of_types__is_the_catalogue() -> None:
    rows = [
        f"| `{name}` | {kind.version} | {kind.description} | "
        f"{', '.join(f'`{member}`' for member in kind.data['properties'])} |"
        for name, kind in sorted(catalogue.EVENTS.items())
    ]
    text = (REPOSITORY / "docs/partner-events.md").read_text()
    assert text.partition("## All types")[2].splitlines()[-len(rows) :] == rows, "\n".join(rows)


@pytest.mark.no_database
def test_days_kept__in_sql_and_docs__are_those_of_the_feed() -> None:
    sql = (REPOSITORY / "tenants/sql/forget_partner_events.sql").read_text()
    docs = (REPOSITORY / "docs/partner-events.md").read_text().partition("## All types")[0]

    assert set(re.findall(r"(\d+) days", sql)) == set(re.findall(r"(\d+) days", docs)) == {str(DAYS_KEPT)}
