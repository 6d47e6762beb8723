import pytest

from tests.conftest import Api
from tests.tenants.api_keys.places import Place

OWN, PARTNERS, CUSTOMERS = "a tenant's own", "a partner's own", "a customer's, by its partner"


@pytest.fixture(params=[OWN, PARTNERS, CUSTOMERS])
def place(request: pytest.FixtureRequest, acme: Api, merchant: Api) -> Place:
    users = ("events:write", "users:read")
    if request.param == OWN:
        return Place("/api/settings/api-keys", merchant, merchant, users)
    if request.param == PARTNERS:
        return Place("/api/partners/api-keys", acme, acme, ("partner:read", "users:read"))
    return Place(f"/api/partners/customers/{merchant.tenant_id}/api-keys", acme, merchant, users)
