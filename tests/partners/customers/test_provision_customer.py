from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from partners.customers.serializers import MAX_INTEGER
from tenants.context import staff_context
from tenants.models import ApiKey, AuditEntry, Tenant
from tests.conftest import Api, Server

PATH = "/api/partners/customers"


def config_of(acme: Api, customer: Api) -> Any:
    return acme.get(f"{PATH}/{customer.tenant_id}").json()["customer"]["config"]


def test_provision__minimal_body__answers_the_contract_and_its_defaults(acme: Api) -> None:
    with staff_context():
        Tenant.objects.filter(id=acme.tenant_id).update(plan_tier="scale")

    response = acme.post(PATH, {"name": "Merchant ABC", "slug": "merchant-abc"})

    assert response.status_code == 201
    body = response.json()
    assert body.keys() == {"customer", "integrations_shared", "warm_start"}
    assert body["integrations_shared"] == 0
    assert body["customer"].pop("api_key").startswith("rt_live_")
    tenant_id = body["customer"].pop("tenant_id")
    assert body["customer"] == {
        "external_id": None,
        "name": "Merchant ABC",
        "slug": "merchant-abc",
        "plan_tier": "scale",
    }
    assert acme.get(f"{PATH}/{tenant_id}").json()["customer"]["tracked_user_limit"] == 1000


def test_provision__active_integrations__are_shared_with_their_action_types(acme: Api) -> None:
    acme.register("one")
    acme.register("two")

    response = acme.post(PATH, {"name": "M", "slug": "merchant"})

    assert response.json()["integrations_shared"] == 2
    customer = acme.get(f"{PATH}/{response.json()['customer']['tenant_id']}").json()["customer"]
    assert customer["action_types"] == {"total": 4, "active": 4}


def test_provision__config__is_merged_over_the_partners(acme: Api) -> None:
    with staff_context():
        Tenant.objects.filter(id=acme.tenant_id).update(config={"a": 1, "deep": {"x": 1, "y": 1}, "gone": 1})

    customer = acme.provision("merchant", config={"b": 2, "deep": {"y": 2}, "gone": None})

    assert config_of(acme, customer) == {"a": 1, "b": 2, "deep": {"x": 1, "y": 2}}


def test_provision__new_key__has_full_access_without_partner(acme: Api, merchant: Api) -> None:
    with staff_context():
        assert ApiKey.objects.get(tenant_id=merchant.tenant_id).scopes == ["full"]


def test_provision__done__is_in_the_audit_trail(acme: Api, merchant: Api) -> None:
    actor = acme.actor
    with staff_context():
        entries = AuditEntry.objects.filter(tenant_id=merchant.tenant_id)
        assert [entry.action for entry in entries] == ["customer.created"]
        assert {entry.actor for entry in entries} == {actor}
        assert {entry.address for entry in entries} == {"127.0.0.1"}


def test_provision__done__tells_the_audit_trail_what_was_made_and_no_metadata(acme: Api) -> None:
    acme.provision("shop", external_id="shop-1841", tracked_user_limit=5000, metadata={"region": "eu-west"})

    entries = acme.get("/api/partners/audit", {"action": "customer.created"})
    told = {each["field"]: each["to"] for each in entries.json()["entries"][0]["changes"]}
    assert (told["external_id"], told["tracked_user_limit"], told["slug"]) == ("shop-1841", 5000, "shop")
    assert "eu-west" not in entries.content.decode()  # its partner's notes, and the customer reads the entry


def test_provision__slug_of_another_partners_customer__is_free(acme: Api, rival: Api) -> None:
    acme.provision("merchant")
    rival.provision("merchant")


def test_provision__own_slug_again__is_409(acme: Api, merchant: Api) -> None:
    response = acme.post(PATH, {"name": "Again", "slug": "merchant"})

    assert (response.status_code, response.json()["code"]) == (409, "slug_taken")
    assert acme.get(PATH).json()["total"] == 1


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", None, "null"),
        ("name", "", "blank"),
        ("name", "   ", "blank"),
        ("name", 5, "not_a_string"),
        ("name", "x" * 201, "max_length"),
        ("slug", "a", "min_length"),
        ("slug", "a" * 64, "max_length"),
        ("slug", "Merchant", "invalid_format"),
        ("slug", "a--b", "invalid_format"),
        ("slug", "-ab", "invalid_format"),
        ("slug", "ab\n", "invalid_format"),
        ("slug", "merchant_1", "invalid_format"),
        ("slug", "mérchant", "invalid_format"),
        ("plan_tier", "gold", "invalid_choice"),
        ("plan_tier", 1, "invalid_choice"),
        ("tracked_user_limit", -1, "min_value"),
        ("tracked_user_limit", 2**31, "max_value"),
        ("tracked_user_limit", "5", "not_an_integer"),
        ("tracked_user_limit", 1.5, "not_an_integer"),
        ("tracked_user_limit", True, "not_an_integer"),
        ("config", [], "not_an_object"),
        ("config", "{}", "not_an_object"),
        ("config", None, "null"),
        ("tenant_role", "partner", "unknown_field"),
        ("parent", "x", "unknown_field"),
    ],
)
def test_provision__bad_field__is_400_and_names_it(acme: Api, field: str, value: Any, code: str) -> None:
    response = acme.post(PATH, {"name": "M", "slug": "merchant", field: value})

    assert response.status_code == 400
    assert [(error["pointer"], error["code"]) for error in response.json()["errors"]] == [(f"/{field}", code)]
    assert acme.get(PATH).json()["total"] == 0


def test_provision__several_bad_fields__are_all_named(acme: Api) -> None:
    response = acme.post(PATH, {"slug": "A", "color": "red"})

    pointers = {error["pointer"] for error in response.json()["errors"]}
    assert pointers == {"/name", "/slug", "/color"}


@pytest.mark.parametrize("limit", [0, MAX_INTEGER])
def test_provision__limits_ends__are_taken(acme: Api, limit: int) -> None:
    acme.provision("merchant", tracked_user_limit=limit)


def test_provision__with_integrations_and_idempotency_key__takes_thirteen_statements(
    acme: Api, statements: list[str]
) -> None:
    acme.register()
    acme.post(PATH, {"name": "First", "slug": "first"})  # spends the minute's last_used_at
    statements.clear()

    assert acme.post(PATH, {"name": "M", "slug": "mm"}, Idempotency_Key="k").status_code == 201

    begin_and_commit = 2
    assert len(statements) + begin_and_commit <= 13


def test_provision__two_hundred_in_parallel__all_stand(acme: Api, server: Server) -> None:
    acme.register()

    def provision(number: int) -> httpx.Response:
        return server.send(acme, "POST", PATH, {"name": "M", "slug": f"m-{number}"})

    with ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(provision, range(200)))

    assert {answer.status_code for answer in answers} == {201}
    assert {answer.json()["integrations_shared"] for answer in answers} == {1}
    assert len({answer.json()["customer"]["api_key"] for answer in answers}) == 200
    assert acme.get(PATH).json()["total"] == 200


def test_provision__one_slug_fifty_times_in_parallel__one_stands(acme: Api, server: Server) -> None:
    acme.register()

    with ThreadPoolExecutor(50) as threads:
        answers = list(
            threads.map(lambda _: server.send(acme, "POST", PATH, {"name": "M", "slug": "merchant"}), range(50))
        )

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49
    with staff_context():
        assert ApiKey.objects.filter(tenant__parent_id=acme.tenant_id).count() == 1
