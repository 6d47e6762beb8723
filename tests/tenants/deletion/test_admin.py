"""What staff do about deletions on a tenant's page."""

from django.test import Client

from tests.conftest import Api
from tests.owner import as_owner
from tests.partners.customers.test_delete_customer import delete, reasons, waiting_actions


def test_restore__by_staff__sends_nothing_that_waited(acme: Api, merchant: Api, superuser: Client) -> None:
    waiting_actions(merchant, 2)
    delete(acme, merchant)
    as_owner("UPDATE delivery_action SET status = 'pending', failure_reason = ''")  # as if there had been too many

    answer = superuser.post(f"/admin/tenants/tenant/{merchant.tenant_id}/restore/")

    assert answer.status_code == 302
    assert acme.get(f"/api/partners/customers/{merchant.tenant_id}").json()["customer"]["plan_status"] == "active"
    assert reasons(merchant) == [("failed", "tenant_deleting")]
