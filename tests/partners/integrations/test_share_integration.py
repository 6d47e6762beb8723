from typing import Any
from uuid import uuid4

import pytest

from integrations.models import ActionType, PartnerIntegration
from tenants.context import staff_context, tenant_context
from tests.conftest import Api


def share(partner: Api, integration_id: object, customer_id: object) -> Any:
    return partner.post(f"/api/partners/integrations/{integration_id}/share", {"customer_tenant_id": str(customer_id)})


def cold(action_types: int) -> dict[str, Any]:
    return {"warm": False, "action_types": action_types, "with_pattern": 0}


def test_share__with_an_existing_customer__registers_the_action_types(acme: Api, merchant: Api) -> None:
    integration = acme.register()

    response = share(acme, integration["id"], merchant.tenant_id)

    assert response.status_code == 200
    assert response.json() == {"shared": True, "action_types_registered": 2, "warm_start": cold(2)}
    with tenant_context(merchant.tenant_id):
        names = list(ActionType.objects.values_list("name", "provider", "active"))
    assert sorted(names) == [("grant_points", "acme-loyalty", True), ("send_voucher", "acme-loyalty", True)]


def test_share__again__answers_the_same_and_adds_nothing(acme: Api, merchant: Api) -> None:
    integration = acme.register()

    answers = [share(acme, integration["id"], merchant.tenant_id).json() for _ in range(3)]

    assert answers == [{"shared": True, "action_types_registered": 2, "warm_start": cold(2)}] * 3
    with tenant_context(merchant.tenant_id):
        assert ActionType.objects.count() == 2


def test_share__integration_without_action_types__registers_none(acme: Api, merchant: Api) -> None:
    integration = acme.register(action_type_templates=[])

    response = share(acme, integration["id"], merchant.tenant_id)

    assert response.json() == {"shared": True, "action_types_registered": 0, "warm_start": cold(0)}


def test_share__what_is_not_the_callers__is_404(acme: Api, rival: Api, merchant: Api) -> None:
    own, foreign = acme.register(), rival.register()
    theirs = rival.provision("theirs")

    for integration_id, customer_id in [
        (own["id"], theirs.tenant_id),
        (own["id"], acme.tenant_id),
        (own["id"], uuid4()),
        (foreign["id"], merchant.tenant_id),
        (uuid4(), merchant.tenant_id),
    ]:
        response = share(acme, integration_id, customer_id)
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
        pointers = [each["pointer"] for each in response.json().get("errors", [])]
        assert pointers == ([] if customer_id == merchant.tenant_id else ["/customer_tenant_id"])
    with staff_context():
        assert ActionType.objects.filter(tenant_id=merchant.tenant_id).count() == 0


def test_share__inactive_integration__is_409(acme: Api, merchant: Api) -> None:
    integration = acme.register()
    with staff_context():
        PartnerIntegration.objects.update(active=False)

    response = share(acme, integration["id"], merchant.tenant_id)

    assert (response.status_code, response.json()["code"]) == (409, "integration_inactive")


@pytest.mark.parametrize(
    "body", [{}, {"customer_tenant_id": "x"}, {"customer_tenant_id": None}, {"customer_tenant_id": 5}]
)
def test_share__bad_body__is_400_and_names_the_field(acme: Api, body: Any) -> None:
    integration = acme.register()

    response = acme.post(f"/api/partners/integrations/{integration['id']}/share", body)

    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == "/customer_tenant_id"
