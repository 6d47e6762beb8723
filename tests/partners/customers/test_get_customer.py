from importlib import import_module
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests import plain_http
from tests.conftest import Api, Server
from tests.owner import owner_cursor

STATE: dict[str, Any] = {
    "sending": "on",
    "ingesting": "on",
    "because": [],
    "since": None,
    "by": None,
    "reason": None,
    "parts": [],
}


def path(customer: object) -> str:
    return f"/api/partners/customers/{customer}"


def test_get__own_customer__answers_everything_but_the_key(acme: Api) -> None:
    integration = acme.register()
    merchant = acme.provision("merchant", config={"theme": "dark"})

    response = acme.get(path(merchant.tenant_id))

    customer = response.json()["customer"]
    assert response.status_code == 200
    assert customer["tenant_id"] == str(merchant.tenant_id)
    assert customer["tenant_role"] == "customer"
    assert customer["config"] == {"theme": "dark"}
    assert customer["action_types"] == {"total": 2, "active": 2}
    assert [shared["id"] for shared in customer["integrations"]] == [integration["id"]]
    (key,) = customer["api_keys"]
    assert (key["scope"], key["scopes"]) == ("full", ["full"])
    assert key["last_used_at"] is None
    assert merchant.key.startswith(key["prefix"])
    assert merchant.key.encode() not in response.content


def test_get__what_the_customer_set_itself__is_not_shown(acme: Api) -> None:
    merchant = acme.provision("merchant", config={"overage": "allow", "holdout_percent": 10, "deep": {"ours": 1}})
    secret = {
        "learning": "off",
        "holdout_percent": 2,
        "action_budget_usd": 77,
        "note": "secret",
        "deep": {"theirs": "secret", "ours": 3},
    }
    assert merchant.patch("/api/settings", {"config": secret}).status_code == 200

    response = acme.get(path(merchant.tenant_id))
    changed = acme.patch(path(merchant.tenant_id), {"config": {"deep": {"more": 2}}})

    customer = response.json()["customer"]
    assert customer["config"] == {"overage": "allow", "holdout_percent": 10, "deep": {"ours": 1}}
    assert customer["effective"] == STATE | {"overage": "allow", "holdout_percent": 2, "learning": "off"}
    assert changed.json()["customer"]["config"] == {**customer["config"], "deep": {"ours": 1, "more": 2}}
    for answer in (response, changed, acme.get("/api/partners/customers"), acme.get("/api/partners/stats")):
        assert b"secret" not in answer.content
        assert b":77" not in answer.content
    own = merchant.get("/api/settings").json()["tenant"]["config"]
    assert own == {**secret, "overage": "allow", "deep": {"theirs": "secret", "ours": 3, "more": 2}}


@pytest.mark.parametrize(
    "case",  # the customer's word, its partner's, its partner's for all of its customers, and what is in force
    [
        (None, None, None, "contribute"),
        ("use_only", None, None, "use_only"),
        ("contribute", "use_only", None, "use_only"),
        ("off", "contribute", None, "off"),
        ("contribute", "contribute", "off", "off"),
    ],
)
def test_get__learning__is_the_partners_word_and_what_is_in_force(
    acme: Api, merchant: Api, case: tuple[str | None, str | None, str | None, str]
) -> None:
    customers, partners, for_all, effective = case
    for api, where, word in (
        (merchant, "/api/settings", customers),
        (acme, path(merchant.tenant_id), partners),
        (acme, "/api/settings", for_all),
    ):
        if word:
            assert api.send("PATCH", where, {"config": {"learning": word}}).status_code == 200

    customer = acme.get(path(merchant.tenant_id)).json()["customer"]

    assert customer["config"] == ({"learning_by_partner": partners} if partners else {})
    assert customer["effective"] == STATE | {"learning": effective}


def test_migration__what_was_set_before__is_told_apart_by_the_audit_trail(acme: Api) -> None:
    merchant = acme.provision("merchant", config={"overage": "allow", "theme": "dark", "region": "eu"})
    merchant.patch("/api/settings", {"config": {"learning": "off", "theme": "light", "note": "secret"}})
    acme.patch(path(merchant.tenant_id), {"config": {"holdout_percent": 10, "learning": "use_only"}})
    with owner_cursor() as cursor:
        cursor.execute("UPDATE tenants_tenant SET config_by_partner = '{}'")
        # As entries named keys and changes until then.
        cursor.execute(
            "UPDATE tenants_auditentry e SET actor = 'api_key:' || k.prefix, action = 'tenant.changed'"
            " FROM tenants_apikey k WHERE e.actor = 'api_key:' || k.id"
        )
        cursor.execute(import_module("tenants.migrations.0016_who_set_what")._FIND)

    assert acme.get(path(merchant.tenant_id)).json()["customer"]["config"] == {
        "overage": "allow",
        "region": "eu",
        "holdout_percent": 10,
        "learning_by_partner": "use_only",
    }


def test_get__uuid_in_upper_case__is_the_same_customer(acme: Api, merchant: Api) -> None:
    assert acme.get(path(str(merchant.tenant_id).upper())).json() == acme.get(path(merchant.tenant_id)).json()


def test_head__own_customer__is_200_and_anothers_404(acme: Api, rival: Api, merchant: Api, server: Server) -> None:
    for api, status in ((acme, 200), (rival, 404)):
        headers = {"Authorization": f"Bearer {api.key}"}
        response = plain_http.head(f"{server.url}{path(merchant.tenant_id)}", headers=headers)
        assert (response.status_code, response.content) == (status, b"")


def test_get__own_customer__is_one_statement(acme: Api, merchant: Api, statements: list[str]) -> None:
    assert acme.get(path(merchant.tenant_id)).status_code == 200

    assert len(statements) == 1


def test_get__key_in_use__shows_when(acme: Api, merchant: Api) -> None:
    assert merchant.post("/api/track", {"events": []}).status_code == 200

    (key,) = acme.get(path(merchant.tenant_id)).json()["customer"]["api_keys"]

    assert key["created_at"] <= key["last_used_at"]
    assert key["last_used_at"].endswith("Z")


def test_get__what_is_not_the_callers_customer__is_the_same_404(rival: Api, foreign_id: UUID) -> None:
    response = rival.get(path(foreign_id), X_Request_Id="same")
    nobody = rival.get(path(uuid4()), X_Request_Id="same")

    assert (response.status_code, nobody.status_code) == (404, 404)
    assert response.content == nobody.content
    assert sorted(set(response.headers) - {"RateLimit"}) == sorted(set(nobody.headers) - {"RateLimit"})


@pytest.mark.parametrize("malformed", ["1", "not-a-uuid", "00000000-0000-0000-0000-00000000000g", "%00"])
def test_get__malformed_id__is_404(acme: Api, malformed: str) -> None:
    response = acme.get(path(malformed))

    assert (response.status_code, response.json()["code"]) == (404, "not_found")
