"""Usage on a tenant's page: its months, and of a partner its alerts and what it was told."""

from django.test import Client

from decisions.upkeep.counting import count_tenant
from events.usage import alerts
from tests.conftest import Api
from tests.events.cast import event, track
from tests.tenants.staff.people import page_of


def test_page__of_a_customer__shows_its_months(viewer: Client, merchant: Api) -> None:
    track(merchant, event("secret-user"), event("secret-user"))
    count_tenant(merchant.tenant_id)

    html = viewer.get(page_of(merchant)).content.decode()

    assert "Usage by month" in html
    assert "Open" in html
    assert "secret-user" not in html


def test_page__of_a_partner__shows_alerts_and_what_was_reached(viewer: Client, acme: Api) -> None:
    shop = acme.provision("shop", tracked_user_limit=2)
    acme.put("/api/partners/usage-alerts", {"metric": "active_users", "scope": "each_customer", "thresholds": [40, 90]})
    track(shop, event("u1"))
    count_tenant(shop.tenant_id)
    alerts.watch(acme.tenant_id)

    html = viewer.get(page_of(acme)).content.decode()

    assert "Usage alerts" in html
    assert "40, 90" in html
    assert "Thresholds reached" in html


def test_page__of_a_partner__adds_up_its_customers_months(viewer: Client, acme: Api, rival: Api) -> None:
    for customer, users in ((acme.provision("one"), 1), (acme.provision("two"), 2), (rival.provision("four"), 4)):
        track(customer, *(event(f"u{number}") for number in range(users)))
        count_tenant(customer.tenant_id)

    tables = viewer.get(page_of(acme)).context["tables"]

    (table,) = [table for table in tables if table.title == "Usage of all customers by month"]
    ((_, state, customers, active_users, events, *_),) = table.rows
    assert "Open" in state
    assert (customers, active_users, events) == ("2", "3", "3")
