from tests.conftest import Api


def test_provision__minimal_body__answers_the_contract(acme: Api) -> None:
    response = acme.post("/api/partners/customers", {"name": "Merchant ABC", "slug": "merchant-abc"})

    assert response.status_code == 201
    assert response.json()["integrations_shared"] == 0
    assert response.json()["customer"].keys() == {"tenant_id", "name", "slug", "plan_tier", "api_key"}
