"""Every link on a staff page leads to a page that is there, also of what outlives a customer that was deleted."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from tenants.context import staff_context
from tenants.deletion.admin import DeletionAdmin
from tenants.models import Deletion, PartnerEvent, Tenant
from tenants.tasks import delete_tenants
from tests.conftest import Api
from tests.tenants.deletion.test_job import schedule
from tests.tenants.staff.people import audited, delete_own_groups, log_in, page_of

MAIN = re.compile(r'<div id="content".*', re.DOTALL)


@pytest.fixture
def susan(scene: dict[type, Any]) -> Iterator[Client]:
    """By group, so that the links are those that the group's permissions show."""
    yield log_in("susan", group="superuser")
    delete_own_groups()


def pages(scene: dict[type, Any]) -> Iterator[str]:
    """Each list, and a page of each kind of object."""
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        with staff_context():
            found = scene.get(model) or model._default_manager.first()
        if found is not None:
            yield reverse(f"{name}_change", args=[quote(found.pk)])


def links(client: Client, page: str) -> set[str]:
    html = client.get(page).content.decode()
    found = MAIN.search(html)
    assert found, page
    return {link.replace("&amp;", "&") for link in re.findall(r'href="(/admin/[^"]*)"', found[0])}


def test_links__of_every_page__lead_somewhere(susan: Client, scene: dict[type, Any]) -> None:
    seen: set[str] = set()
    for page in pages(scene):
        for link in links(susan, page) - seen:
            seen.add(link)
            answer = susan.get(link)
            leads_on = answer.status_code == 302 and "/auditentry/" in answer.headers["Location"]
            assert answer.status_code == 200 or leads_on, (page, link, answer.status_code)
    assert len(seen) > 50


def test_events__of_a_customer_that_is_gone__name_it_without_a_link(acme: Api, merchant: Api, viewer: Client) -> None:
    schedule(acme, merchant, grace_days=0)
    delete_tenants(timestamp=0)
    with staff_context():
        event = PartnerEvent.objects.filter(customer_id=merchant.tenant_id).earliest("seq")
    page = reverse("admin:tenants_partnerevent_change", args=[quote(event.pk)])

    for shown in (page, reverse("admin:tenants_partnerevent_changelist")):
        assert str(merchant.tenant_id) in viewer.get(shown).content.decode()
        assert not [link for link in links(viewer, shown) if str(merchant.tenant_id) in link]


@pytest.mark.parametrize("whose", ["partner", "customer", "alone"])
def test_page__of_a_tenant__leads_to_what_there_is_of_it_in_the_lists(
    acme: Api, rival: Api, viewer: Client, whose: str
) -> None:
    shop, other = acme.provision("shop"), rival.provision("shop")
    for partner, customer in ((acme, shop), (rival, other)):
        schedule(partner, customer, grace_days=1)
    with staff_context():
        alone = Tenant.objects.create(name="Alone", slug="alone", tenant_role="standalone")
    tenant_id = {"partner": acme.tenant_id, "customer": shop.tenant_id, "alone": alone.id}[whose]
    titles = {
        "partner": [
            "Decisions",
            "Actions",
            "Endpoints",
            "Its events",
            "Webhooks",
            "Deletions of its customers",
        ],
        "customer": ["Decisions", "Actions", "Endpoints", "Events about it"],
        "alone": ["Decisions", "Actions", "Endpoints"],
    }[whose]

    shown = viewer.get(f"/admin/tenants/tenant/{tenant_id}/change/").context["tables"][0].data["links"]

    assert [title for _, title in shown] == [*titles, "Its deletions", "Audit trail"]
    found = {title: viewer.get(url).context["cl"].result_list for url, title in shown}
    assert {entry.tenant_id for entry in found["Audit trail"]} <= {tenant_id}
    if whose == "partner":
        assert {event.tenant_id for event in found["Its events"]} == {acme.tenant_id}
        assert [each.subject_id for each in found["Deletions of its customers"]] == [shop.tenant_id]
        assert list(found["Its deletions"]) == []
    if whose == "customer":
        assert {event.customer_id for event in found["Events about it"]} == {shop.tenant_id}
        assert [each.subject_id for each in found["Its deletions"]] == [shop.tenant_id]


def test_page__of_a_deletion__has_its_explanations_whole(acme: Api, merchant: Api, viewer: Client) -> None:
    schedule(acme, merchant)
    with staff_context():
        page = reverse("admin:tenants_deletion_change", args=[quote(Deletion.objects.get().pk)])

    html = viewer.get(page).content.decode()

    for text in DeletionAdmin.help_texts.values():
        assert escape(text) in html


def test_page__of_a_tenant_without_a_rate_limit__shows_none_and_saves_none(acme: Api, operator: Client) -> None:
    def field() -> Any:
        return operator.get(page_of(acme)).context["adminform"].form["rate_limit"]

    as_it_stands = {
        "name": "Acme",
        "plan_tier": "starter",
        "tracked_user_limit": 1000,
        "rate_limit": "",
        "config": "{}",
    }
    assert field().value() is None
    assert "null" not in str(field())

    assert operator.post(page_of(acme), as_it_stands | {"rate_limit": ""}).status_code == 302
    assert audited(actor="staff:oscar") == []
    assert (
        operator.post(page_of(acme), as_it_stands | {"rate_limit": '{"requests": 7, "seconds": 1}'}).status_code == 302
    )
    assert "7" in str(field())
