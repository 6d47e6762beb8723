"""What staff do about deletions on a tenant's page."""

import pytest
from django.test import Client

from retivo.api.errors import Problem
from tenants import services
from tenants.context import staff_context
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


def test_tenant__that_is_being_deleted__is_not_changed_by_staff(acme: Api, merchant: Api) -> None:
    delete(acme, merchant)
    row = as_owner("SELECT * FROM tenants_tenant WHERE id = %s", merchant.tenant_id)

    with pytest.raises(Problem) as caught, staff_context():
        services.update_tenant(actor="staff:oscar", tenant_id=merchant.tenant_id, changes={"name": "Other"})

    assert (caught.value.status, caught.value.code) == (409, "customer_deleting")
    assert as_owner("SELECT * FROM tenants_tenant WHERE id = %s", merchant.tenant_id) == row


def test_controls__of_a_tenant_that_is_being_deleted__say_so(acme: Api, merchant: Api, viewer: Client) -> None:
    delete(acme, merchant)

    page = viewer.get(f"/admin/tenants/tenant/{merchant.tenant_id}/change/")

    (controls,) = [table for table in page.context["tables"] if table.title == "Controls"]
    (row,) = [row for row in controls.rows if row[0] == "Deletion"]
    assert row[1].startswith("Being deleted; can be restored until ")
