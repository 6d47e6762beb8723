"""The list of tenants and a tenant's page."""

import re
from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from integrations.models import ActionType, PartnerIntegration
from retivo.staff.pages import ROWS_SHOWN
from tenants.context import staff_context
from tenants.models import ApiKey, Tenant, TenantRole
from tests.conftest import Api
from tests.tenants.staff.people import (
    ACTION_TYPES,
    AUDIT,
    INTEGRATIONS,
    KEYS,
    TENANTS,
    audited,
    first_key,
    page_of,
    the_tenant,
)

# --- The hierarchy --------------------------------------------------------------------------------------------------


@pytest.fixture
def hierarchy(acme: Api, rival: Api) -> None:
    acme.register()
    acme.provision("tea-house", plan_tier="growth")
    acme.provision("bakery", tracked_user_limit=25000)
    rival.provision("bakery")
    with staff_context():
        Tenant.objects.create(name="Harbor Fitness", slug="harbor", tenant_role=TenantRole.STANDALONE)


def listed(client: Client, **query: str) -> list[str]:
    response = client.get(TENANTS, query)
    assert response.status_code == 200
    tenants = response.context["cl"].result_list
    return [f"{tenant.parent.slug}/{tenant.slug}" if tenant.parent else tenant.slug for tenant in tenants]


def _text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_each_partner_is_followed_by_its_customers(viewer: Client, hierarchy: None) -> None:
    assert listed(viewer) == ["acme", "acme/bakery", "acme/tea-house", "harbor", "rival", "rival/bakery"]


def test_a_row_tells_what_the_tenant_has(viewer: Client, hierarchy: None) -> None:
    html = viewer.get(TENANTS).content.decode()
    rows = [_text(row) for row in re.findall(r"<tr class=\"data-row.*?</tr>", html, re.DOTALL)]
    assert "hub Acme acme - Partner Starter Active 1,000 2 1 1" in rows
    assert "subdirectory_arrow_right Bakery acme / bakery - Customer Starter Active 25,000 1 1" in rows
    assert "apartment Harbor Fitness harbor - Standalone Starter Active 1,000 0" in rows
    assert f'href="{TENANTS}?partner=acme"' in html


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"q": "HOUSE"}, ["acme/tea-house"]),
        ({"q": "Harbor fit"}, ["harbor"]),
        ({"q": "nothing-like-it"}, []),
        ({"tenant_role__exact": "partner"}, ["acme", "rival"]),
        ({"plan_tier__exact": "growth"}, ["acme/tea-house"]),
        ({"plan_status__exact": "suspended"}, []),
        ({"partner": "acme"}, ["acme/bakery", "acme/tea-house"]),
        ({"partner": "acme", "q": "bakery"}, ["acme/bakery"]),
        ({"partner": "nobody"}, []),
    ],
)
def test_search_and_filters(viewer: Client, hierarchy: None, query: dict[str, str], expected: list[str]) -> None:
    assert listed(viewer, **query) == expected


def test_search_by_id(viewer: Client, hierarchy: None, acme: Api) -> None:
    assert listed(viewer, q=str(acme.tenant_id)) == ["acme"]


def test_the_number_of_queries_does_not_grow_with_the_rows(viewer: Client, acme: Api) -> None:
    def queries() -> tuple[int, int]:
        with CaptureQueriesContext(connection) as captured:
            assert viewer.get(TENANTS).status_code == 200
        return len(captured), sum("tenants_tenant" in query["sql"] for query in captured)

    add_customers(acme, 9)
    few = queries()
    add_customers(acme, 990)
    assert listed(viewer)[:2] == ["acme", "acme/customer-0000"]
    assert len(listed(viewer)) == 100
    assert queries() == few
    assert few[1] <= 4  # how many there are, the keys of the page, its rows, the partners


def add_customers(partner: Api, count: int) -> None:
    with staff_context():
        have = Tenant.objects.filter(parent_id=partner.tenant_id).count()
        slugs = [f"customer-{number:04}" for number in range(have, have + count)]
        customers = Tenant.objects.bulk_create(
            [Tenant(name=slug, slug=slug, tenant_role="customer", parent_id=partner.tenant_id) for slug in slugs]
        )
        ApiKey.objects.bulk_create(
            [
                ApiKey(tenant=each, digest=each.id.bytes * 2, prefix="rt_live_abcd", scopes=["full"])
                for each in customers
            ]
        )


# --- A tenant's page ------------------------------------------------------------------------------------------------


def tables(response: Any) -> dict[str, Any]:
    return {table.title: table for table in response.context["tables"]}


def test_a_partners_page_shows_the_first_customers_and_its_integrations(viewer: Client, acme: Api) -> None:
    integration = acme.register()
    add_customers(acme, ROWS_SHOWN + 1)
    response = viewer.get(page_of(acme))
    shown = tables(response)
    assert list(shown) == ["Lists", "Controls", "Customers", "API keys", "Integrations"]
    assert (len(shown["Customers"].rows), shown["Customers"].total) == (ROWS_SHOWN, ROWS_SHOWN + 1)
    assert shown["Customers"].all_url == f"{TENANTS}?partner=acme"
    html = response.content.decode()
    assert f"{INTEGRATIONS}{integration['id']}/change/" in html
    assert f"{TENANTS}?partner=acme" in html


def test_a_customers_page_shows_what_it_has(viewer: Client, acme: Api) -> None:
    acme.register()
    merchant = acme.provision("merchant")
    response = viewer.get(page_of(merchant))
    shown = tables(response)
    assert list(shown) == ["Lists", "Controls", "API keys", "Integrations shared", "Action types"]
    assert [_text(row[0]) for row in shown["Action types"].rows] == ["grant_points", "send_voucher"]
    assert merchant.key[:12] in response.content.decode()
    # The lists that the tables lead to are of this tenant alone.
    acme.provision("other")
    assert viewer.get(shown["API keys"].all_url).context["cl"].result_count == 1
    assert viewer.get(shown["Action types"].all_url).context["cl"].result_count == 2


OWN_ACTION_TYPE: dict[str, Any] = {
    "name": "send_gift_card",
    "description": "Send a gift card",
    "provider": "our-shop",
    "parameters_schema": {},
    "delivery_webhook": "https://hooks.shop.example/cards",
}


def test_a_tenants_own_action_types_are_shown_beside_those_shared_with_it(viewer: Client, acme: Api) -> None:
    acme.register()
    merchant = acme.provision("merchant")
    own = [api.post("/api/external/action-types", OWN_ACTION_TYPE).json()["action_type"] for api in (acme, merchant)]

    shown = tables(viewer.get(page_of(merchant)))["Action types"]
    assert [(_text(row[0]), _text(row[1])) for row in shown.rows] == [
        ("grant_points", "Acme Loyalty"),
        ("send_voucher", "Acme Loyalty"),
        ("send_gift_card", "Own"),
    ]
    assert [_text(row[0]) for row in tables(viewer.get(page_of(acme)))["Action types"].rows] == ["send_gift_card"]
    page = viewer.get(f"{ACTION_TYPES}{quote(own[1]['id'])}/change/")
    assert (page.status_code, OWN_ACTION_TYPE["delivery_webhook"] in page.content.decode()) == (200, True)
    assert viewer.post(f"{ACTION_TYPES}{quote(own[1]['id'])}/change/", {"active": ""}).status_code == 403


def test_secrets_are_on_no_page(superuser: Client, acme: Api) -> None:
    integration = acme.register()
    merchant = acme.provision("merchant")
    own = merchant.post("/api/external/action-types", OWN_ACTION_TYPE).json()["action_type"]
    with staff_context():
        own_stored = ActionType.objects.get(id=own["id"])
        stored = PartnerIntegration.objects.get(id=integration["id"])
        digests = [bytes(digest) for digest in ApiKey.objects.values_list("digest", flat=True)]
    secrets = [acme.key, merchant.key, integration["webhook_secret"], bytes(stored.encrypted_webhook_secret).decode()]
    secrets += [own["webhook_secret"], bytes(own_stored.encrypted_webhook_secret or b"-").decode()]
    secrets += [text for digest in digests for text in (digest.hex(), str(digest))]
    paths = [TENANTS, KEYS, AUDIT, INTEGRATIONS, page_of(acme), page_of(merchant)]
    paths += [ACTION_TYPES, f"{ACTION_TYPES}{quote(own['id'])}/change/"]
    paths += [f"{KEYS}{first_key(tenant).id}/change/" for tenant in (acme, merchant)]
    paths += [f"{INTEGRATIONS}{integration['id']}/change/"]
    for path in paths:
        html = superuser.get(path).content.decode()
        assert not [secret for secret in secrets if secret in html], path


def edit(client: Client, tenant: Api, **fields: Any) -> Any:
    now = the_tenant(tenant)
    data = {"name": now.name, "plan_tier": now.plan_tier, "tracked_user_limit": now.tracked_user_limit, "config": "{}"}
    return client.post(page_of(tenant), data | fields)


def test_operators_change_a_tenant(operator: Client, merchant: Api) -> None:
    response = edit(operator, merchant, name="Renamed", tracked_user_limit=7, config='{"a": [1, "ü"]}')
    assert response.status_code == 302, response.content
    tenant = the_tenant(merchant)
    assert (tenant.name, tenant.tracked_user_limit, tenant.config) == ("Renamed", 7, {"a": [1, "ü"]})
    changes = {
        "name": {"from": "Merchant", "to": "Renamed"},
        "tracked_user_limit": {"from": 1000, "to": 7},
        "config": {"from": {}, "to": {"a": [1, "ü"]}},
    }
    detail = {"changed": ["config.a", "name", "tracked_user_limit"], "changes": changes}
    assert audited(actor="staff:oscar") == [("customer.updated", merchant.tenant_id, detail)]


def test_a_tenants_page_shows_what_it_used_this_month(viewer: Client, acme: Api, merchant: Api) -> None:
    merchant.post("/api/track", {"events": [{"user_id": user, "event": "e"} for user in ("a", "b", "a")]})
    assert "2 of 1,000 active users, 3 events" in viewer.get(page_of(merchant)).content.decode()
    assert "0 of 1,000 active users, 0 events" in viewer.get(page_of(acme)).content.decode()


def test_a_config_retivo_cannot_act_on_is_explained(operator: Client, merchant: Api) -> None:
    response = edit(operator, merchant, config='{"retention_days": 31, "overage": "no", "mine": 1}')
    assert response.status_code == 200
    assert response.context["adminform"].form.errors["config"] == [
        "overage: Must be one of: reject, allow.",
        "retention_days: Must be one of: 30, 90, 365, 1095.",
    ]
    assert the_tenant(merchant).config == {}


def test_a_config_that_was_bad_before_does_not_stop_other_changes(operator: Client, merchant: Api) -> None:
    with staff_context():
        Tenant.objects.filter(id=merchant.tenant_id).update(config={"overage": "no"})
    assert edit(operator, merchant, name="Renamed", config='{"overage": "no"}').status_code == 302
    assert the_tenant(merchant).name == "Renamed"


def test_role_parent_slug_and_status_stay_as_they_are(operator: Client, merchant: Api, rival: Api) -> None:
    forbidden = {"slug": "other", "tenant_role": "partner", "parent": str(rival.tenant_id), "plan_status": "suspended"}
    before = the_tenant(merchant)
    assert edit(operator, merchant, **forbidden).status_code == 302
    after = the_tenant(merchant)
    for field in ("slug", "tenant_role", "parent_id", "plan_status"):
        assert getattr(after, field) == getattr(before, field), field
    assert audited(actor="staff:oscar") == []


def test_true_and_one_are_two_configurations(operator: Client, merchant: Api) -> None:
    assert edit(operator, merchant, config='{"a": 1}').status_code == 302
    assert edit(operator, merchant, config='{"a": true}').status_code == 302
    assert the_tenant(merchant).config["a"] is True


@pytest.mark.parametrize(
    "config",
    [
        "[]",
        "null",
        "{",
        '{"a": NaN}',
        r'{"a": "\u0000"}',
        r'{"a": "\ud800"}',
        '{"a":' * 10_000,
        '{"a": 1e999}',
        "9" * 5000,
    ],
)
def test_a_config_that_cannot_be_kept_is_explained(operator: Client, merchant: Api, config: str) -> None:
    response = edit(operator, merchant, config=config)
    assert response.status_code == 200
    assert response.context["adminform"].form.errors["config"]
    assert the_tenant(merchant).config == {}
    assert audited(actor="staff:oscar") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "a\0b"),
        ("name", "a" * 201),
        ("plan_tier", "platinum"),
        ("tracked_user_limit", "-1"),
        ("tracked_user_limit", str(2**31)),
        ("tracked_user_limit", "9" * 5000),
        ("tracked_user_limit", "many"),
    ],
)
def test_invalid_fields_are_explained(operator: Client, merchant: Api, field: str, value: str) -> None:
    response = edit(operator, merchant, **{field: value})
    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == [field]
    assert audited(actor="staff:oscar") == []


def test_a_tenants_page_shows_what_each_layer_says_and_what_holds(operator: Client, acme: Api, merchant: Api) -> None:
    acme.put("/api/partners/shadow-mode", {"active": True, "reason": "Wrong amounts"})
    merchant.put("/api/settings/kill-switch", {"active": True})
    said = {"kill_switch": "on", "kill_switch_reason": "Review", "action_budget_usd_max": "25"}
    assert operator.post(page_of(merchant, "controls"), said).status_code == 302

    table = tables(operator.get(page_of(merchant)))["Controls"]
    rows = {row[0]: [str(cell) for cell in row[1:]] for row in table.rows}
    assert "on since" in rows["Kill switch"][0]
    assert rows["Kill switch"][2].endswith(": Review")
    assert rows["Shadow mode"][1].endswith(": Wrong amounts (of its partner)")
    assert ["held" in rows[name][3] for name in ("Kill switch", "Shadow mode", "Suspension", "Sending")] == [
        True,
        True,
        False,
        True,
    ]
    assert rows["Budget (USD)"][2] == "at most 25"
