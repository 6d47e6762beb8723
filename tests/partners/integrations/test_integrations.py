"""Registering and listing integrations."""

from typing import Any

import pytest
from django.db import connection

from integrations.models import PartnerIntegration
from retivo import encryption
from tenants.context import staff_context
from tests.buffers import reads
from tests.conftest import Api
from tests.factories import IntegrationBody

PATH = "/api/partners/integrations"
MINIMAL = {"provider": "acme", "display_name": "Acme"}


def template(**fields: Any) -> dict[str, Any]:
    return {"name": "grant_points", "delivery_webhook": "https://hooks.acme.example/", **fields}


def test_register__minimal_body__has_empty_lists(acme: Api) -> None:
    response = acme.post(PATH, MINIMAL)

    assert response.status_code == 201
    integration = response.json()["integration"]
    assert integration["action_type_templates"] == integration["event_mappings"] == []
    assert (integration["domain"], integration["active"], integration["customers_shared"]) == ("", True, 0)


def test_register__full_body__is_stored_as_sent(acme: Api) -> None:
    mapping = {"from": "order.completed", "to": "purchase_completed", "properties": {"amount": "value"}}

    integration = acme.register(domain="loyalty", event_mappings=[mapping, {"from": "a", "to": "b"}])

    assert integration["domain"] == "loyalty"
    assert integration["event_mappings"] == [mapping, {"from": "a", "to": "b"}]
    assert [item["name"] for item in integration["action_type_templates"]] == ["grant_points", "send_voucher"]


def test_register__webhook_secret__is_shown_once_and_stored_encrypted(acme: Api) -> None:
    integration = acme.register()

    secret = integration["webhook_secret"]
    assert len(bytes.fromhex(secret)) == 32
    assert secret not in acme.get(PATH).content.decode()
    with staff_context():
        stored = bytes(PartnerIntegration.objects.get().encrypted_webhook_secret)
    assert secret.encode() not in stored
    assert encryption.decrypt(stored).decode() == secret


def test_register__provider_again__is_409_for_the_same_partner_alone(acme: Api, rival: Api) -> None:
    acme.register()
    rival.register()

    response = acme.post(PATH, {"provider": "acme-loyalty", "display_name": "Again"})

    assert (response.status_code, response.json()["code"]) == (409, "provider_taken")


def test_list__own_integrations__are_in_order_with_their_templates(acme: Api, rival: Api) -> None:
    rival.register("theirs")
    acme.register("one")
    acme.provision("merchant")
    acme.register("two")

    body = acme.get(PATH).json()

    assert body["total"] == 2
    found = [(i["provider"], i["customers_shared"], len(i["action_type_templates"])) for i in body["integrations"]]
    assert found == [("one", 1, 2), ("two", 0, 2)]
    assert "webhook_secret" not in body["integrations"][0]


def test_list__many_integrations__takes_a_constant_number_of_statements(acme: Api, statements: list[str]) -> None:
    for number in range(20):
        acme.register(f"provider-{number}")
    statements.clear()

    assert acme.get(PATH).json()["total"] == 20
    assert len(statements) <= 4


def test_list__a_page__counts_the_shares_of_what_is_on_it_alone(acme: Api) -> None:
    for number in range(40):
        acme.register(f"provider-{number}")
    for number in range(20):
        acme.provision(f"merchant-{number}")
    with connection.cursor() as cursor:  # so small a table would be read whole, again and again
        cursor.execute("SET enable_seqscan = off")

    with reads() as read:
        (integration,) = acme.get(PATH, {"limit": 1}).json()["integrations"]

    assert integration["customers_shared"] == 20
    # Not the 800 shares, but those of two integrations: one is asked for beyond the page.
    assert max(each.rows for each in read) <= 200


def test_list__pages__hold_each_once(acme: Api) -> None:
    providers = [acme.register(f"provider-{number}")["provider"] for number in range(5)]
    found, query = [], {"limit": 2}

    for _ in range(3):
        page = acme.get(PATH, query).json()
        assert page["total"] == 5
        found += [integration["provider"] for integration in page["integrations"]]
        query["cursor"] = page["next_cursor"]

    assert found == providers
    assert page["next_cursor"] is None


@pytest.mark.parametrize("query", [{"limit": 0}, {"cursor": "x"}, {"offset": 5}])
def test_list__rubbish__is_refused_by_name(acme: Api, query: dict[str, Any]) -> None:
    (name,) = query

    assert acme.get(PATH, query).json()["errors"][0]["pointer"] == f"/{name}"


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"provider": ""}, "/provider", "blank"),
        ({"provider": "has space"}, "/provider", "invalid_format"),
        ({"display_name": None}, "/display_name", "null"),
        ({"color": "red"}, "/color", "unknown_field"),
        ({"action_type_templates": {}}, "/action_type_templates", "not_a_list"),
        ({"action_type_templates": [5]}, "/action_type_templates/0", "invalid"),
        ({"action_type_templates": [template()] * 101}, "/action_type_templates", "max_length"),
        ({"action_type_templates": [template(name="GrantPoints")]}, "/action_type_templates/0/name", "invalid_format"),
        ({"action_type_templates": [template(), template()]}, "/action_type_templates/1/name", "not_unique"),
        ({"action_type_templates": [template(secret="x")]}, "/action_type_templates/0/secret", "unknown_field"),
        ({"action_type_templates": [{"name": "x_y"}]}, "/action_type_templates/0/delivery_webhook", "required"),
        ({"event_mappings": [{"from": "a"}]}, "/event_mappings/0/to", "required"),
        ({"event_mappings": [{"from": "a", "to": "b"}] * 501}, "/event_mappings", "max_length"),
        ({"event_mappings": [{"from": "a", "to": "b"}] * 2}, "/event_mappings/1/from", "not_unique"),
        (
            {"event_mappings": [{"from": "a", "to": "b", "properties": {"x": 1}}]},
            "/event_mappings/0/properties/x",
            "invalid",
        ),
    ],
)
def test_register__bad_field__is_400_and_names_it(acme: Api, fields: Any, pointer: str, code: str) -> None:
    response = acme.post(PATH, {**MINIMAL, **fields})

    assert response.status_code == 400, response.content
    assert (pointer, code) in [(error["pointer"], error["code"]) for error in response.json()["errors"]]
    assert acme.get(PATH).json()["total"] == 0


def test_register__limits_ends__are_taken(acme: Api) -> None:
    acme.register(
        action_type_templates=[template(name=f"action_{n}") for n in range(100)],
        event_mappings=[{"from": f"e{n}", "to": "x"} for n in range(500)],
    )


def test_register__flat_schema__is_stored_as_json_schema(acme: Api) -> None:
    integration = acme.register(action_type_templates=IntegrationBody()["action_type_templates"][:1])

    schema = integration["action_type_templates"][0]["parameters_schema"]
    assert schema["properties"] == {"amount": {"type": "number"}}
    assert schema["required"] == ["amount"]


@pytest.mark.parametrize(
    ("schema", "is_flat"),
    [
        ({}, False),
        ({"type": "object"}, False),
        ({"additionalProperties": {"type": "string"}}, False),
        ({"items": {"type": "array", "required": True}}, True),
        ({"items": {"type": "array"}, "total": {"type": "number"}}, True),
        ({"properties": {"type": {"type": "string"}}}, False),
    ],
)
def test_register__schema_in_either_form__is_told_apart(acme: Api, schema: Any, is_flat: bool) -> None:
    integration = acme.register(action_type_templates=[template(parameters_schema=schema)])

    stored = integration["action_type_templates"][0]["parameters_schema"]
    assert stored.get("properties", {}).keys() == schema.keys() if is_flat else stored == schema, stored


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"type": "objekt"}, "/type"),
        ({"items": {"type": "array"}}, "/items"),
        ({"amount": "number"}, "/amount"),
        ({"properties": {"a": {"minimum": "x"}}}, "/properties/a/minimum"),
        ({"properties": {"a": {"pattern": "("}}}, "/properties/a/pattern"),
        ({"amount": {"type": "money", "required": True}}, "/amount/type"),
        ({"amount": {"type": "number", "required": "yes"}}, "/amount/required"),
        ({"$ref": "https://evil.example/schema"}, "/$ref"),
        ({"$ref": "#/$defs/missing"}, "/$ref"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema"),
    ],
)
def test_register__invalid_schema__is_400_with_the_pointer_to_the_fault(acme: Api, schema: Any, pointer: str) -> None:
    response = acme.post(PATH, {**MINIMAL, "action_type_templates": [template(parameters_schema=schema)]})

    assert response.status_code == 400, response.content
    (error,) = response.json()["errors"]
    assert error["pointer"] == f"/action_type_templates/0/parameters_schema{pointer}"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://acme.example/", "invalid_url"),
        ("/relative", "invalid_url"),
        ("https://", "invalid_url"),
        ("https://acme.example:99999/", "invalid_url"),
        ("https://acme example/", "invalid_url"),
        ("https://[::1/", "invalid_url"),
        ("http://acme.example/", "https_required"),
        ("https://user:pw@acme.example/", "userinfo_in_url"),
        ("https://user@acme.example/", "userinfo_in_url"),
        ("https://10.0.0.1/", "private_address"),
        ("https://192.168.1.1/", "private_address"),
        ("https://169.254.169.254/latest/meta-data", "private_address"),
        ("https://0.0.0.0/", "private_address"),
        ("https://0xa.1/", "private_address"),
        ("https://167772161/", "private_address"),
        ("https://[fc00::1]/", "private_address"),
        ("https://[fe80::1]/", "private_address"),
        ("https://[::ffff:10.0.0.1]/", "private_address"),
        ("https://[64:ff9b::a00:1]/", "private_address"),
        ("https://[::ffff:0:127.0.0.1]/", "private_address"),
        ("https://[3fff::1]/", "private_address"),
        ("https://[5f00::1]/", "private_address"),
        ("https://192.88.99.1/", "private_address"),
        ("https://192.88.99.1./", "private_address"),
        ("https://127.0.0.1%2e/", "invalid_url"),
        ("https://8.8.8.8%25eth0/", "invalid_url"),
        ("https://[2606:4700::1%25eth0]/", "invalid_url"),
        ("https://example.com../", "invalid_url"),
        ("https://8.8.8.8../", "invalid_url"),
        ("https://.example.com/", "invalid_url"),
        ("https://hooks.acme.example:22/", "port_not_allowed"),
        ("https://hooks.acme.example:0/", "port_not_allowed"),
        ("https://hooks.acme.example:80/", "port_not_allowed"),
        ("https://8.8.8.8:6379/", "port_not_allowed"),
        ("https://224.0.0.1/", "private_address"),
        ("https://metadata.google.internal/", "private_address"),
        ("https://intranet/", "private_address"),
    ],
)
def test_register__webhook_that_is_not_public_https__is_400(acme: Api, url: str, code: str) -> None:
    response = acme.post(PATH, {**MINIMAL, "action_type_templates": [template(delivery_webhook=url)]})

    assert response.status_code == 400, response.content
    (error,) = response.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/action_type_templates/0/delivery_webhook", code)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/", "http://localhost:9000/", "https://[::1]/", "http://127.1/"])
def test_register__loopback_webhook__depends_on_the_settings(acme: Api, settings: Any, url: str) -> None:
    body = {**MINIMAL, "action_type_templates": [template(delivery_webhook=url)]}
    settings.WEBHOOKS_MAY_USE_LOOPBACK_HTTP = False
    assert acme.post(PATH, body).status_code == 400

    settings.WEBHOOKS_MAY_USE_LOOPBACK_HTTP = True
    assert acme.post(PATH, body).status_code == 201


def test_register__ports_of_webhooks__are_those_of_the_settings(acme: Api, settings: Any) -> None:
    seen: list[tuple[str, ...]] = []

    def register(*ports: str) -> int:
        webhooks = [template(name=f"a{n}", delivery_webhook=f"https://a.example{p}/") for n, p in enumerate(ports)]
        body = {**MINIMAL, "provider": f"acme-{len(seen)}", "action_type_templates": webhooks}
        seen.append(ports)
        return int(acme.post(PATH, body).status_code)

    assert register("", ":443", ":8443", ".", ".:443") == 201
    settings.WEBHOOK_PORTS = [9443]
    assert [register(each) for each in (":9443", ":8443", ":443", "")] == [201, 400, 400, 400]
