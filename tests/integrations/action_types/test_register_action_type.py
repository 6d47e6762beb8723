import threading
from collections import Counter
from typing import Any

import pytest

from integrations.models import ActionType
from integrations.parameters.children import children
from retivo import encryption
from tenants.context import tenant_context
from tests import plain_http
from tests.conftest import Api, Server
from tests.integrations.cast import GIFT, PATH, audited, listed, names, register, shared


def test_register__a_whole_one__answers_it_with_its_secret_once(merchant: Api) -> None:
    found = register(merchant)

    secret = found.pop("webhook_secret")
    assert len(bytes.fromhex(secret)) == 32
    action_type_id = found.pop("id")
    assert action_type_id.startswith("at_")
    assert found.pop("created_at").endswith("Z")
    assert found.pop("parameters_schema")["properties"] == {"amount": {"type": "number"}}
    assert found == {
        **{name: GIFT[name] for name in ("name", "description", "provider", "domain", "delivery_webhook")},
        "estimated_cost_usd": "10.50",
        "kind": "loyalty/send_voucher",
        "kind_source": "proposed",
        "integration_id": None,
        "revision": None,
        "withdrawn": False,
        "deprecated_at": None,
        "sunset_at": None,
        "held": [],
        "active": True,
    }
    assert secret not in merchant.get(PATH).content.decode()
    with tenant_context(merchant.tenant_id):
        stored = bytes(ActionType.objects.get().encrypted_webhook_secret or b"")
    assert encryption.decrypt(stored).decode() == secret
    about = {"action_type_id": action_type_id, "name": "send_gift_card", "provider": "our-shop"}
    assert audited(merchant) == [("registered", about)]


def test_register__a_schema_that_takes_long_to_compile__waits_for_its_own_tenants_alone(
    merchant: Api, acme: Api
) -> None:
    heavy = {"type": "object", "properties": {"text": {"type": "string", "pattern": "^.{1,100}$"}}}

    with children._turn(merchant.tenant_id):
        refused = merchant.post(PATH, {**GIFT, "parameters_schema": heavy})
        register(acme, parameters_schema=heavy)

    assert (refused.status_code, refused.json()["code"]) == (503, "temporarily_unavailable")
    register(merchant, parameters_schema=heavy)


def test_register__what_must_be_alone__has_the_defaults(merchant: Api) -> None:
    required = ("name", "description", "provider", "parameters_schema", "delivery_webhook")

    response = merchant.post(PATH, {name: GIFT[name] for name in required})

    action_type = response.json()["action_type"]
    assert (action_type["domain"], action_type["estimated_cost_usd"]) == ("", None)
    for name in required:
        missing = merchant.post(PATH, {other: GIFT[other] for other in required if other != name})
        assert missing.status_code == 400
        assert missing.json()["errors"] == [
            {"pointer": f"/{name}", "code": "required", "detail": "This field is required."}
        ]


def test_register__any_kind_of_tenant__has_its_own(acme: Api, merchant: Api, rival: Api) -> None:
    found = [register(api)["id"] for api in (acme, merchant, rival)]

    assert len(set(found)) == 3
    assert [[one["id"] for one in listed(api)] for api in (acme, merchant, rival)] == [[id] for id in found]


def test_register__the_same_name_twice__is_409_whosever_the_first_is(acme: Api) -> None:
    acme.register()
    merchant = acme.provision("merchant")
    register(merchant)

    for taken in (GIFT, {**GIFT, "provider": "acme-loyalty", "name": "grant_points"}):
        response = merchant.post(PATH, taken)
        assert (response.status_code, response.json()["code"]) == (409, "action_type_taken")
    register(merchant, provider="other")
    register(merchant, name="other")
    register(merchant, name="grant_points")


def test_register__the_same_name_at_once__one_wins(merchant: Api, server: Server) -> None:
    answers: Counter[int] = Counter()

    def send() -> None:
        headers = {"Authorization": f"Bearer {merchant.key}"}
        answers[plain_http.post(server.url + PATH, json=GIFT, headers=headers, timeout=60).status_code] += 1

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == {201: 1, 409: 3}


@pytest.mark.parametrize(("plan_tier", "limit", "upgrade_to"), [("starter", 100, "growth"), ("custom", 1000, None)])
def test_register__one_more_than_the_plan_allows__is_403_and_says_what_would(
    acme: Api, plan_tier: str, limit: int, upgrade_to: str | None
) -> None:
    acme.register("shared")
    merchant = acme.provision("merchant", plan_tier=plan_tier)
    with tenant_context(merchant.tenant_id):
        ActionType.objects.bulk_create(
            ActionType(
                tenant_id=merchant.tenant_id,
                name=f"off_{number}",
                provider="own",
                delivery_webhook="https://own.example/",
                encrypted_webhook_secret=b"x",
                active=False,
            )
            for number in range(limit - 1)
        )
    register(merchant)

    response = merchant.post(PATH, {**GIFT, "name": "one_more"})

    problem = response.json()
    assert (response.status_code, problem["code"]) == (403, "action_type_limit_reached")
    assert (problem["current"], problem["limit"], problem["upgrade_to"]) == (limit, limit, upgrade_to)
    assert merchant.post(PATH, GIFT).json()["code"] == "action_type_taken"
    assert "one_more" not in names(merchant, limit="1000")


def test_register__with_an_idempotency_key__answers_the_same_secret_again(merchant: Api) -> None:
    first, second = (merchant.post(PATH, GIFT, Idempotency_Key="one") for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert first.json() == second.json()
    assert len(listed(merchant)) == 1


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"name": "SendCard"}, "/name", "invalid_format"),
    ({"name": "send_card\n"}, "/name", "invalid_format"),
    ({"name": "x" * 101}, "/name", "max_length"),
    ({"name": 5}, "/name", "not_a_string"),
    ({"description": ""}, "/description", "blank"),
    ({"description": "x" * 2001}, "/description", "max_length"),
    ({"provider": "our shop"}, "/provider", "invalid_format"),
    ({"provider": ""}, "/provider", "blank"),
    ({"domain": "x" * 64}, "/domain", "max_length"),
    ({"parameters_schema": []}, "/parameters_schema", "not_an_object"),
    ({"parameters_schema": None}, "/parameters_schema", "null"),
    ({"parameters_schema": {"type": "objekt"}}, "/parameters_schema/type", "invalid_schema"),
    ({"delivery_webhook": "http://shop.example/"}, "/delivery_webhook", "https_required"),
    ({"delivery_webhook": "https://10.0.0.1/"}, "/delivery_webhook", "private_address"),
    ({"delivery_webhook": "https://169.254.169.254/"}, "/delivery_webhook", "private_address"),
    ({"estimated_cost_usd": 0.5}, "/estimated_cost_usd", "not_a_string"),
    ({"estimated_cost_usd": "-1"}, "/estimated_cost_usd", "not_a_cost"),
    ({"estimated_cost_usd": "1e3"}, "/estimated_cost_usd", "not_a_cost"),
    ({"estimated_cost_usd": "NaN"}, "/estimated_cost_usd", "not_a_cost"),
    ({"estimated_cost_usd": "٣"}, "/estimated_cost_usd", "not_a_cost"),
    ({"estimated_cost_usd": "1.00001"}, "/estimated_cost_usd", "not_a_cost"),
    ({"estimated_cost_usd": "1000000"}, "/estimated_cost_usd", "not_a_cost"),
    ({"webhook_secret": "mine"}, "/webhook_secret", "unknown_field"),
    ({"integration_id": None}, "/integration_id", "unknown_field"),
]


@pytest.mark.parametrize(("fields", "pointer", "code"), BAD)
def test_register__bad_field__is_400_and_names_it(merchant: Api, fields: Any, pointer: str, code: str) -> None:
    response = merchant.post(PATH, {**GIFT, **fields})

    assert response.status_code == 400, response.content
    assert (pointer, code) in [(error["pointer"], error["code"]) for error in response.json()["errors"]]
    assert listed(merchant) == []


@pytest.mark.parametrize(("fields", "pointer", "code"), BAD)
def test_change__bad_field__is_400_and_names_it(merchant: Api, fields: Any, pointer: str, code: str) -> None:
    own = register(merchant)

    response = merchant.put(f"{PATH}/{own['id']}", fields)

    assert response.status_code == 400, response.content
    assert (pointer, code) in [(error["pointer"], error["code"]) for error in response.json()["errors"]]


@pytest.mark.parametrize(("cost", "shown"), [("0", "0.00"), ("0.0005", "0.0005"), ("999999.9999", "999999.9999")])
def test_register__a_cost__is_kept_exactly(merchant: Api, cost: str, shown: str) -> None:
    assert register(merchant, estimated_cost_usd=cost)["estimated_cost_usd"] == shown


def test_cost__of_a_partners_template__stands_in_its_customers_tenant(acme: Api) -> None:
    template = {"name": "send_voucher", "delivery_webhook": "https://a.example/", "estimated_cost_usd": "5"}
    integration = acme.register(action_type_templates=[template])

    assert integration["action_type_templates"][0]["estimated_cost_usd"] == "5.00"
    assert shared(acme.provision("merchant"), "send_voucher")["estimated_cost_usd"] == "5.00"
