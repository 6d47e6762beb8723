"""Revisions are published, compared and never changed; addresses alone are corrected."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from tenants.context import staff_context, tenant_context
from tests.conftest import Api
from tests.delivery.cast import make_due, merchant_of, work
from tests.delivery.receiver import Receiver, receiver
from tests.owner import as_owner
from tests.partners.rollouts import cast
from tests.partners.rollouts.cast import INTEGRATIONS, TEMPLATES, publish, roll_out

NUMBER = {"type": "number"}


@pytest.fixture
def integration(acme: Api) -> str:
    mapping = {"from": "order.completed", "to": "bought"}
    registered: str = acme.register(event_mappings=[mapping])["id"]
    return registered


@pytest.fixture
def inbox() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


def test_publish__other_action_types__says_what_differs(acme: Api, integration: str) -> None:
    revision = publish(acme, integration, note="Cards instead of vouchers")

    assert (revision["number"], revision["base"], revision["note"]) == (2, 1, "Cards instead of vouchers")
    assert revision["compatibility"] == "breaking"
    assert revision["reasons"] == [{"pointer": "/action_type_templates/send_voucher", "code": "action_type_removed"}]
    types = revision["diff"]["action_types"]
    assert (types["added"], types["removed"]) == (["send_card"], ["send_voucher"])
    assert [(each["name"], list(each["fields"])) for each in types["changed"]] == [("grant_points", ["description"])]
    # What was left out stays.
    assert revision["event_mappings"] == [{"from": "order.completed", "to": "bought"}]
    shown = acme.get(f"{INTEGRATIONS}/{integration}").json()["integration"]
    assert (shown["revision"], len(shown["action_type_templates"])) == (1, 2)
    assert [each["name"] for each in shown["action_type_templates"]] == ["grant_points", "send_voucher"]


@pytest.mark.parametrize("body", [{}, {"note": "Again"}, {"action_type_templates": TEMPLATES, "event_mappings": []}])
def test_publish__what_the_newest_holds__answers_that_one_and_changes_nothing(acme: Api, body: dict[str, Any]) -> None:
    path = f"{INTEGRATIONS}/{acme.register()['id']}/revisions"
    told = cast.events(acme, "")

    for _ in range(2):
        answer = acme.post(path, body)

        assert (answer.status_code, answer.json()["revision"]["number"]) == (200, 1)
        assert answer.json()["revision"] == acme.get(f"{path}/1").json()["revision"]
    assert acme.get(path).json()["total"] == 1
    assert cast.events(acme, "") == told
    assert acme.post(path, {"action_type_templates": TEMPLATES[:1]}).status_code == 201
    assert acme.post(path, {"action_type_templates": TEMPLATES[:1]}).json()["revision"]["number"] == 2
    assert acme.post(path, {}).json()["revision"]["number"] == 3  # as new customers have it, which the newest is not


@pytest.mark.parametrize(
    "change",
    [
        {"description": "Other"},
        {"estimated_cost_usd": "0.25"},
        {"delivery_webhook": "https://hooks.acme.example/else"},
        {"parameters_schema": {"a": {"type": "boolean", "default": True}}},
    ],
)
def test_publish__one_field_that_differs__is_new(acme: Api, change: dict[str, Any]) -> None:
    first = {**TEMPLATES[0], "parameters_schema": {"a": {"type": "boolean", "default": 1}}, "estimated_cost_usd": "0.5"}
    path = f"{INTEGRATIONS}/{acme.register(action_type_templates=[first])['id']}/revisions"
    assert acme.post(path, {"action_type_templates": [first | {"estimated_cost_usd": "0.50"}]}).status_code == 200

    assert acme.post(path, {"action_type_templates": [first | change]}).status_code == 201


def test_publish__the_same_in_another_order__is_new(acme: Api) -> None:
    path = f"{INTEGRATIONS}/{acme.register()['id']}/revisions"

    assert acme.post(path, {"action_type_templates": TEMPLATES[::-1]}).status_code == 201


def test_get__a_revision__compares_it_to_the_one_that_is_named(acme: Api, integration: str) -> None:
    publish(acme, integration)
    publish(acme, integration, action_type_templates=TEMPLATES)
    path = f"{INTEGRATIONS}/{integration}/revisions"

    third = acme.get(f"{path}/3").json()["revision"]
    against = acme.get(f"{path}/3", {"against": 2}).json()["revision"]

    nothing: dict[str, list[Any]] = {"added": [], "removed": [], "changed": []}
    assert (third["base"], third["diff"]["action_types"], third["compatibility"]) == (1, nothing, "compatible")
    assert (against["base"], against["diff"]["action_types"]["added"]) == (2, ["send_voucher"])
    assert acme.get(f"{path}/1").json()["revision"]["diff"] is None
    for missing in ("4", "0", "99999999999", "x"):
        assert acme.get(f"{path}/{missing}").status_code == 404
    listed = acme.get(path, {"limit": 2}).json()
    assert [each["number"] for each in listed["revisions"]] == [3, 2]
    rest = acme.get(path, {"limit": 2, "cursor": listed["next_cursor"]}).json()
    assert [each["number"] for each in rest["revisions"]] == [1]
    assert (listed["total"], rest["next_cursor"]) == (3, None)


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (schema(a=NUMBER), schema(a=NUMBER, b=NUMBER), None),
        (schema(a=NUMBER), schema(), ("/properties/a", "parameter_removed")),
        (schema(a=NUMBER), schema(a=NUMBER) | {"required": ["a"]}, ("/required/a", "parameter_required")),
        (schema(a=NUMBER) | {"required": ["a"]}, schema(a=NUMBER), None),
        (schema(a=NUMBER), schema(a={"type": "string"}), ("/properties/a/type", "type_narrowed")),
        (schema(a={"type": "integer"}), schema(a=NUMBER), None),
        (schema(a=NUMBER), schema(a={"type": "integer"}), ("/properties/a/type", "type_narrowed")),
        (schema(a=NUMBER), schema(a={"type": ["number", "null"]}), None),
        (schema(a=NUMBER), schema(a={**NUMBER, "maximum": 5}), ("/properties/a/maximum", "schema_changed")),
        (schema(a={**NUMBER, "maximum": 5}), schema(a={**NUMBER, "maximum": 6}), None),
        (
            schema(a={**NUMBER, "minimum": 5}),
            schema(a={**NUMBER, "minimum": 6}),
            ("/properties/a/minimum", "schema_changed"),
        ),
        (schema(a={"enum": [1, 2]}), schema(a={"enum": [1, 2, 3]}), None),
        (schema(a={"enum": [1, 2]}), schema(a={"enum": [1]}), ("/properties/a/enum", "enum_narrowed")),
        (schema(a=NUMBER), schema(a={**NUMBER, "description": "How many"}), None),
        ({"type": "object"}, schema(a=NUMBER), ("/additionalProperties", "schema_changed")),
        (schema(a=NUMBER), schema(a=NUMBER) | {"not": {"required": ["a"]}}, ("/not", "schema_changed")),
    ],
)
def test_compatibility__of_a_schema__is_breaking_where_something_is_refused_now(
    acme: Api, before: Any, after: Any, reason: tuple[str, str] | None
) -> None:
    template = {"name": "grant_points", "delivery_webhook": "https://hooks.acme.example/"}
    id = acme.register(action_type_templates=[{**template, "parameters_schema": before}])["id"]

    revision = publish(acme, id, action_type_templates=[{**template, "parameters_schema": after}])

    at = "/action_type_templates/grant_points/parameters_schema"
    expected = [] if reason is None else [{"pointer": at + reason[0], "code": reason[1]}]
    assert revision["reasons"][: len(expected) or None] == expected
    assert revision["compatibility"] == ("breaking" if reason else "compatible")


def test_mappings__of_a_revision__rename_events_of_those_who_have_it(acme: Api, integration: str) -> None:
    first, second = acme.provision("first", external_id="first"), acme.provision("second")
    publish(acme, integration, event_mappings=[{"from": "order.completed", "to": "paid"}])
    roll_out(acme, integration, to={"customer_ids": ["ext:first"]})
    cast.work(acme)

    for shop in (first, second):
        path = "/api/connectors/acme-loyalty"
        body = {"events": [{"user_id": "u", "event": "order.completed"}]}
        assert shop.post("/api/external/events", {"provider": "acme-loyalty", **body}).status_code == 200, path

    found = as_owner("SELECT tenant_id, name FROM events_event")
    assert dict(found) == {first.tenant_id: "paid", second.tenant_id: "bought"}


@pytest.mark.parametrize("context", ["partner", "staff"])
@pytest.mark.parametrize(
    "change",
    [
        "integrations_revision SET note = 'x'",
        "integrations_revision SET event_mappings = '[]'",
        "integrations_revisiontemplate SET parameters_schema = '{}'",
        "integrations_revisiontemplate SET description = 'x'",
    ],
)
def test_raw_sql__a_revision__stays_as_it_was_published(acme: Api, integration: str, context: str, change: str) -> None:
    whose = tenant_context(acme.tenant_id) if context == "partner" else staff_context()
    with pytest.raises(Exception, match=r"stays as it was published|permission denied"), whose:
        connection.cursor().execute(f"UPDATE {change}")


def test_raw_sql__revisions__are_seen_by_their_partner_and_who_has_the_integration(
    acme: Api, rival: Api, integration: str
) -> None:
    shop = acme.provision("shop")
    for api, seen in ((acme, 1), (shop, 1), (rival, 0)):
        with tenant_context(api.tenant_id), connection.cursor() as cursor:
            for table in ("revision", "revisiontemplate"):
                cursor.execute(f"SELECT count(DISTINCT integration_id) FROM integrations_{table}")
                assert cursor.fetchone() == (seen,)


# --- Addresses ------------------------------------------------------------------------------------------------------


def test_webhooks__of_one_origin__lead_elsewhere_at_once_for_what_is_queued_too(acme: Api, inbox: Receiver) -> None:
    shop = merchant_of(acme, "https://hoooks.acme.example/points?a=b")
    integration = acme.get(INTEGRATIONS).json()["integrations"][0]["id"]
    publish(acme, integration, action_type_templates=TEMPLATES)
    queued = shop.dispatch()

    answer = acme.patch(
        f"{INTEGRATIONS}/{integration}/webhooks",
        {"from_origin": "https://HOOOKS.acme.example:443/", "to_origin": inbox.url},
    )
    make_due()
    work()

    assert answer.status_code == 200, answer.content
    assert answer.json()["webhooks"]["action_types"] == ["grant_points"]
    assert shop.action(queued).status == "delivered"
    assert inbox.received[0].path == "/points?a=b"
    other = acme.get(f"{INTEGRATIONS}/{integration}/revisions/2").json()["revision"]["action_type_templates"]
    assert [each["delivery_webhook"] for each in other] == [each["delivery_webhook"] for each in TEMPLATES]
    assert cast.events(acme, "integration.webhooks") == ["integration.webhooks_changed"]


def test_webhooks__of_many_revisions__are_corrected_by_as_many_statements_as_those_of_one(
    acme: Api, integration: str, statements: list[str]
) -> None:
    sent = []
    for revisions in (1, 12):
        for _ in range(revisions):
            publish(
                acme, integration, action_type_templates=[{**each, "description": str(uuid4())} for each in TEMPLATES]
            )
        origins = ["https://hooks.acme.example", "https://other.acme.example"]
        for from_origin, to_origin in (origins, reversed(origins)):
            statements.clear()
            body = {"from_origin": from_origin, "to_origin": to_origin}
            assert acme.patch(f"{INTEGRATIONS}/{integration}/webhooks", body).status_code == 200
            sent.append(len(statements))

    assert len(set(sent)) == 1, sent


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"from_origin": "https://x.example"}, "/to_origin", "required"),
        ({"from_origin": "https://x.example", "to_origin": "https://10.0.0.1"}, "/to_origin", "private_address"),
        ({"from_origin": "https://x.example", "to_origin": "https://y.example/a"}, "/to_origin", "not_an_origin"),
        ({"from_origin": "https://x.example/a", "to_origin": "https://y.example"}, "/from_origin", "not_an_origin"),
        ({"from_origin": "https://x.example?a=b", "to_origin": "https://y.example"}, "/from_origin", "not_an_origin"),
        ({"from_origin": "HTTPS://x.example", "to_origin": "https://x.example"}, "/to_origin", "same_origin"),
        ({"from_origin": "https://[x", "to_origin": "https://y.example"}, "/from_origin", "invalid_url"),
        ({"from_origin": "https://x.example:99999", "to_origin": "https://y.example"}, "/from_origin", "invalid_url"),
    ],
)
def test_webhooks__bad_body__is_400_and_names_the_field(
    acme: Api, integration: str, body: Any, pointer: str, code: str
) -> None:
    answer = acme.patch(f"{INTEGRATIONS}/{integration}/webhooks", body)

    assert answer.status_code == 400, answer.content
    assert (answer.json()["errors"][0]["pointer"], answer.json()["errors"][0]["code"]) == (pointer, code)


def test_webhooks__origin_that_nothing_is_sent_to__is_409(acme: Api, integration: str) -> None:
    body = {"from_origin": "https://x.example", "to_origin": "https://y.example"}

    answer = acme.patch(f"{INTEGRATIONS}/{integration}/webhooks", body)

    assert (answer.status_code, answer.json()["code"]) == (409, "origin_not_used")


def test_publish__what_is_not_the_callers__is_404(acme: Api, rival: Api, integration: str) -> None:
    path = f"{INTEGRATIONS}/{integration}"
    answers = [
        rival.get(f"{path}/revisions"),
        rival.get(f"{path}/revisions/1"),
        rival.post(f"{path}/revisions", {}),
        rival.patch(f"{path}/webhooks", {"from_origin": "https://x.example", "to_origin": "https://y.example"}),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
