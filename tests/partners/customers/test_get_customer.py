from uuid import UUID, uuid4

import httpx
import pytest

from tests.conftest import Api, Server


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


def test_get__uuid_in_upper_case__is_the_same_customer(acme: Api, merchant: Api) -> None:
    assert acme.get(path(str(merchant.tenant_id).upper())).json() == acme.get(path(merchant.tenant_id)).json()


def test_head__own_customer__is_200_and_anothers_404(acme: Api, rival: Api, merchant: Api, server: Server) -> None:
    for api, status in ((acme, 200), (rival, 404)):
        headers = {"Authorization": f"Bearer {api.key}"}
        response = httpx.head(f"{server.url}{path(merchant.tenant_id)}", headers=headers)
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
