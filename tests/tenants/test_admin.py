"""The staff pages, in process: who sees what, who may do what, and what stays behind afterwards."""

import getpass
import re
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.models import PartnerIntegration
from tenants.admin_base import ROWS_SHOWN
from tenants.context import staff_context
from tenants.models import ApiKey, AuditEntry, PlanStatus, PlanTier, Tenant, TenantRole
from tests.conftest import Api

NOBODY = UUID(int=0)
PASSWORD = "correct horse battery staple"
TENANTS = "/admin/tenants/tenant/"
KEYS = "/admin/tenants/apikey/"
AUDIT = "/admin/tenants/auditentry/"
INTEGRATIONS = "/admin/integrations/partnerintegration/"
ACTION_TYPES = "/admin/integrations/actiontype/"


def log_in(name: str, *, group: str = "", superuser: bool = False) -> Client:
    with staff_context():
        user = User.objects.create_user(name, password=PASSWORD, is_staff=True, is_superuser=superuser)
        if group:
            user.groups.add(Group.objects.get(name=group))
    client = Client()
    response = client.post(f"/admin/login/?next={TENANTS}", {"username": name, "password": PASSWORD})
    assert (response.status_code, response.headers["Location"]) == (302, TENANTS)
    return client


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """The logins are real; only the third of a second that a hash costs is not."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def viewer() -> Client:
    return log_in("vera", group="viewer")


@pytest.fixture
def operator() -> Client:
    return log_in("oscar", group="operator")


@pytest.fixture
def superuser() -> Client:
    """By group, not by flag: the group has to hold everything."""
    return log_in("susan", group="superuser")


def page_of(tenant: Api, action: str = "change") -> str:
    return f"{TENANTS}{tenant.tenant_id}/{action}/"


def first_key(tenant: Api) -> ApiKey:
    with staff_context():
        return ApiKey.objects.filter(tenant_id=tenant.tenant_id).earliest("created_at")


def the_tenant(tenant: Api) -> Tenant:
    with staff_context():
        return Tenant.objects.get(id=tenant.tenant_id)


def audited(*, actor: str) -> list[tuple[str, UUID, dict[str, Any]]]:
    with staff_context():
        return list(AuditEntry.objects.filter(actor=actor).order_by("id").values_list("action", "tenant_id", "detail"))


def shown_key(response: Any) -> str:
    """The one key on the page."""
    found = set(re.findall(r"rt_(?:live|test)_[0-9A-Za-z]{36}", response.content.decode()))
    assert len(found) == 1, found
    assert not any(key in str(response.cookies) for key in found)
    return str(found.pop())


def assert_is_stored_nowhere(text: str) -> None:
    with connections["owner"].cursor() as cursor:
        for table in connections["owner"].introspection.table_names():
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE strpos(t::text, %s) > 0', [text])
            assert cursor.fetchone() == (0,), table
    with staff_context():
        assert all(text not in str(session.get_decoded()) for session in Session.objects.all())


# --- Who comes in ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [TENANTS, f"{TENANTS}new-partner/", KEYS, AUDIT, INTEGRATIONS, ACTION_TYPES])
@pytest.mark.parametrize("method", ["get", "post"])
def test_anonymous_is_sent_to_the_login(path: str, method: str) -> None:
    response = getattr(Client(), method)(path)
    assert (response.status_code, response.headers["Location"]) == (302, f"/admin/login/?next={path}")


def test_a_user_who_is_no_staff_is_not_let_in() -> None:
    with staff_context():
        User.objects.create_user("mallory", password=PASSWORD)
    response = Client().post("/admin/login/", {"username": "mallory", "password": PASSWORD})
    assert response.status_code == 200
    assert "correct username and password for a staff account" in response.content.decode()


def test_staff_without_a_group_see_nothing(acme: Api) -> None:
    client = log_in("nobody")
    for path in (TENANTS, KEYS, AUDIT, INTEGRATIONS, ACTION_TYPES, page_of(acme)):
        assert client.get(path).status_code == 403, path
    assert b"Hierarchy" not in client.get("/admin/").content


def test_viewers_see_everything_of_ours(viewer: Client, acme: Api) -> None:
    integration = acme.register()
    merchant = acme.provision("merchant")
    for path in (TENANTS, KEYS, AUDIT, INTEGRATIONS, ACTION_TYPES, page_of(acme), page_of(merchant)):
        assert viewer.get(path).status_code == 200, path
    assert viewer.get(f"{INTEGRATIONS}{integration['id']}/change/").status_code == 200
    assert viewer.get(f"{KEYS}{first_key(acme).id}/change/").status_code == 200
    assert viewer.get("/admin/auth/user/").status_code == 403
    assert b"/admin/auth/" not in viewer.get("/admin/").content


def test_viewers_are_offered_no_change_and_refused_any(viewer: Client, acme: Api) -> None:
    integration = acme.register()
    key = first_key(acme)
    pages = (
        viewer.get(TENANTS).content + viewer.get(page_of(acme)).content + viewer.get(f"{KEYS}{key.id}/change/").content
    )
    for label in (b"/new-partner/", b"/issue-key/", b"/suspend/", b"/revoke/", b'name="_save"'):
        assert label not in pages, label

    for path in (
        f"{TENANTS}new-partner/",
        page_of(acme),
        page_of(acme, "issue-key"),
        page_of(acme, "suspend"),
        page_of(acme, "reactivate"),
        f"{KEYS}{key.id}/revoke/",
        f"{INTEGRATIONS}{integration['id']}/change/",
    ):
        data = {"name": "Changed", "slug": "new", "plan_tier": "growth", "scopes": "full", "mode": "live"}
        assert viewer.post(path, data).status_code == 403, path
    assert audited(actor="staff:vera") == []
    assert acme.get("/api/partners/customers").status_code == 200


def test_operators_do_not_manage_users(operator: Client, superuser: Client) -> None:
    for path in ("/admin/auth/user/", "/admin/auth/user/add/", "/admin/auth/group/"):
        assert operator.get(path).status_code == 403, path
        assert superuser.get(path).status_code == 200, path


def test_superusers_make_users(superuser: Client) -> None:
    passwords = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    response = superuser.post("/admin/auth/user/add/", {"username": "nora", **passwords})
    assert response.status_code == 302, response.content
    with staff_context():
        assert User.objects.get(username="nora").check_password(PASSWORD)
    page = superuser.get(response.headers["Location"])
    assert page.status_code == 200
    assert PASSWORD not in page.content.decode()


@pytest.mark.parametrize("path", [TENANTS, KEYS, AUDIT, INTEGRATIONS, ACTION_TYPES])
def test_nobody_adds_or_deletes_what_has_its_own_ways(superuser: Client, acme: Api, path: str) -> None:
    acme.register()
    acme.provision("merchant")
    assert superuser.get(f"{path}add/").status_code == 403
    assert superuser.post(f"{path}add/", {}).status_code == 403
    listed = superuser.get(path).context["cl"].result_list
    assert listed
    assert superuser.post(f"{path}{listed[0].pk}/delete/", {"post": "yes"}).status_code == 403
    assert superuser.post(path, {"action": "delete_selected", "_selected_action": str(listed[0].pk)}).status_code == 200
    assert superuser.get(path).context["cl"].result_count == len(listed)


def test_audit_entries_do_not_change(superuser: Client, acme: Api) -> None:
    entry = superuser.get(AUDIT).context["cl"].result_list[0]
    response = superuser.post(f"{AUDIT}{entry.id}/change/", {"actor": "somebody else", "action": "nothing"})
    assert response.status_code == 403
    with staff_context():
        assert AuditEntry.objects.get(id=entry.id).actor == "test"


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
    assert "hub Acme acme Partner Starter Active 1,000 2 1 1" in rows
    assert "subdirectory_arrow_right Bakery acme / bakery Customer Starter Active 25,000 1 1" in rows
    assert "apartment Harbor Fitness harbor Standalone Starter Active 1,000 0" in rows
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
    assert few[1] <= 3


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
    assert list(shown) == ["Customers", "API keys", "Integrations"]
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
    assert list(shown) == ["API keys", "Integrations shared", "Action types"]
    assert [_text(row[0]) for row in shown["Action types"].rows] == ["grant_points", "send_voucher"]
    assert merchant.key[:12] in response.content.decode()
    # The lists that the tables lead to are of this tenant alone.
    acme.provision("other")
    assert viewer.get(shown["API keys"].all_url).context["cl"].result_count == 1
    assert viewer.get(shown["Action types"].all_url).context["cl"].result_count == 2


def test_secrets_are_on_no_page(superuser: Client, acme: Api) -> None:
    integration = acme.register()
    merchant = acme.provision("merchant")
    with staff_context():
        stored = PartnerIntegration.objects.get(id=integration["id"])
        digests = [bytes(digest) for digest in ApiKey.objects.values_list("digest", flat=True)]
    secrets = [acme.key, merchant.key, integration["webhook_secret"], bytes(stored.encrypted_webhook_secret).decode()]
    secrets += [text for digest in digests for text in (digest.hex(), str(digest))]
    paths = [TENANTS, KEYS, AUDIT, INTEGRATIONS, page_of(acme), page_of(merchant)]
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
    assert audited(actor="staff:oscar") == [("tenant.changed", merchant.tenant_id, {"changes": changes})]


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


# --- Making partners and keys ---------------------------------------------------------------------------------------

NEW_PARTNER = {"name": "Lumen", "slug": "lumen", "plan_tier": "growth"}


def test_operators_make_a_partner_and_see_its_key_once(operator: Client) -> None:
    response = operator.post(f"{TENANTS}new-partner/", NEW_PARTNER)
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]
    key = shown_key(response)
    with staff_context():
        partner = Tenant.objects.get(slug="lumen")
    assert (partner.name, partner.tenant_role, partner.plan_tier) == ("Lumen", TenantRole.PARTNER, PlanTier.GROWTH)
    assert Api(partner.id, key).get("/api/partners/customers").status_code == 200
    assert [entry[:2] for entry in audited(actor="staff:oscar")] == [
        ("partner.created", partner.id),
        ("api_key.issued", partner.id),
    ]
    assert_is_stored_nowhere(key)
    for path in (f"{TENANTS}new-partner/", f"{TENANTS}{partner.id}/change/", KEYS, AUDIT):
        assert key not in operator.get(path).content.decode(), path


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("slug", "acme"),
        ("slug", "Lumen"),
        ("slug", "a--b"),
        ("slug", "x"),
        ("slug", "a" * 64),
        ("slug", "a\0b"),
        ("name", " "),
        ("name", "a\0b"),
        ("name", "a" * 201),
        ("plan_tier", "platinum"),
    ],
)
def test_a_partner_that_cannot_be_made_is_explained(operator: Client, acme: Api, field: str, value: str) -> None:
    response = operator.post(f"{TENANTS}new-partner/", NEW_PARTNER | {field: value})
    assert response.status_code == 200
    assert response.context["form"].errors
    assert audited(actor="staff:oscar") == []


def test_the_same_partner_made_many_times_at_once_is_made_once(operator: Client) -> None:
    outcomes: list[tuple[int, bool]] = []
    ready = threading.Barrier(6)

    def make() -> None:
        client = Client()
        client.cookies = operator.cookies
        ready.wait()
        try:
            response = client.post(f"{TENANTS}new-partner/", NEW_PARTNER)
            outcomes.append((response.status_code, b"This slug is taken" in response.content))
        finally:
            connection.close()

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [(200, False)] + [(200, True)] * 5


def test_operators_issue_a_key_that_is_shown_once(operator: Client, merchant: Api) -> None:
    expires_at = (timezone.now() + timedelta(days=30)).replace(second=0, microsecond=0)
    data = {
        "label": "Checkout",
        "scopes": ["full"],
        "mode": "test",
        "expires_at": expires_at.strftime("%Y-%m-%dT%H:%M"),
    }
    response = operator.post(page_of(merchant, "issue-key"), data)
    assert "no-store" in response.headers["Cache-Control"]
    key = shown_key(response)
    assert key.startswith("rt_test_")
    with staff_context():
        record = ApiKey.objects.get(tenant_id=merchant.tenant_id, prefix=key[:12])
    assert (record.label, record.scopes, record.expires_at) == ("Checkout", ["full"], expires_at)
    assert audited(actor="staff:oscar") == [
        ("api_key.issued", merchant.tenant_id, {"label": "Checkout", "prefix": key[:12], "scopes": ["full"]})
    ]
    assert_is_stored_nowhere(key)
    for path in (page_of(merchant), page_of(merchant, "issue-key"), f"{KEYS}{record.id}/change/", KEYS, AUDIT):
        assert key not in operator.get(path).content.decode(), path


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scopes", []),
        ("scopes", ["everything"]),
        ("scopes", ["partner"]),
        ("mode", "dead"),
        ("label", "a" * 101),
        ("label", "a\0b"),
        ("expires_at", "2001-01-01T00:00"),
        ("expires_at", "soon"),
        ("expires_at", "99999-01-01T00:00"),
    ],
)
def test_a_key_that_cannot_be_issued_is_explained(operator: Client, merchant: Api, field: str, value: Any) -> None:
    response = operator.post(page_of(merchant, "issue-key"), {"scopes": ["full"], "mode": "live", field: value})
    assert response.status_code == 200
    assert list(response.context["form"].errors) == [field]
    assert audited(actor="staff:oscar") == []


def test_partners_alone_are_offered_the_partner_scope(operator: Client, acme: Api, merchant: Api) -> None:
    assert b"Partner API" in operator.get(page_of(acme, "issue-key")).content
    assert b"Partner API" not in operator.get(page_of(merchant, "issue-key")).content
    response = operator.post(page_of(acme, "issue-key"), {"scopes": ["partner", "full"], "mode": "live"})
    assert Api(acme.tenant_id, shown_key(response)).get("/api/partners/customers").status_code == 200


# --- Revoking, suspending, switching off ----------------------------------------------------------------------------


def test_operators_revoke_a_key(operator: Client, acme: Api) -> None:
    key = first_key(acme)
    path = f"{KEYS}{key.id}/revoke/"
    assert f'href="{path}"' in operator.get(page_of(acme)).content.decode()
    assert b"cannot be undone" in operator.get(path).content
    assert acme.get("/api/partners/customers").status_code == 200

    response = operator.post(path)
    assert (response.status_code, response.headers["Location"]) == (302, page_of(acme))
    assert acme.get("/api/partners/customers").status_code == 401
    assert audited(actor="staff:oscar") == [("api_key.revoked", acme.tenant_id, {"prefix": key.prefix})]
    page = operator.get(page_of(acme)).content.decode()
    assert f"The key {key} is revoked." in page
    assert path not in page
    assert path not in operator.get(f"{KEYS}{key.id}/change/").content.decode()
    # Again, as from a page that stood open: nothing changes.
    assert operator.post(path).status_code == 302
    assert len(audited(actor="staff:oscar")) == 1


def test_operators_suspend_and_reactivate_a_tenant(operator: Client, acme: Api) -> None:
    assert b"All of its keys are refused" in operator.get(page_of(acme, "suspend")).content
    assert the_tenant(acme).plan_status == PlanStatus.ACTIVE
    assert page_of(acme, "reactivate") not in operator.get(page_of(acme)).content.decode()

    assert operator.post(page_of(acme, "suspend")).headers["Location"] == page_of(acme)
    assert acme.get("/api/partners/customers").status_code == 403
    assert page_of(acme, "suspend") not in operator.get(page_of(acme)).content.decode()

    assert operator.post(page_of(acme, "reactivate")).headers["Location"] == page_of(acme)
    assert acme.get("/api/partners/customers").status_code == 200
    assert audited(actor="staff:oscar") == [
        ("tenant.plan_status_changed", acme.tenant_id, {"from": "active", "to": "suspended"}),
        ("tenant.plan_status_changed", acme.tenant_id, {"from": "suspended", "to": "active"}),
    ]


def test_operators_switch_an_integration_off_and_on(operator: Client, acme: Api, merchant: Api) -> None:
    integration = acme.register()
    path = f"{INTEGRATIONS}{integration['id']}/change/"
    share = {"customer_tenant_id": str(merchant.tenant_id)}
    share_path = f"/api/partners/integrations/{integration['id']}/share"
    before = operator.get(path).content.decode()
    assert "grant_points" in before

    # An unchecked box is not sent; nothing else on the page can be changed.
    assert operator.post(path, {"display_name": "Other", "provider": "other"}).status_code == 302
    assert acme.post(share_path, share).status_code == 409
    assert operator.post(path, {"active": "on"}).status_code == 302
    assert acme.post(share_path, share).status_code == 200
    assert operator.post(path, {"active": "on"}).status_code == 302
    with staff_context():
        assert PartnerIntegration.objects.get(id=integration["id"]).display_name == "Acme Loyalty"
    assert audited(actor="staff:oscar") == [
        ("integration.switched_off", acme.tenant_id, {"provider": "acme-loyalty"}),
        ("integration.switched_on", acme.tenant_id, {"provider": "acme-loyalty"}),
    ]


def test_history_is_the_audit_trail(viewer: Client, acme: Api, rival: Api) -> None:
    for path in (page_of(acme, "history"), f"{KEYS}{first_key(acme).id}/history/"):
        response = viewer.get(path, follow=True)
        entries = response.context["cl"].result_list
        assert {entry.tenant_id for entry in entries} == {acme.tenant_id}


def test_the_audit_trail_is_searched_and_filtered(viewer: Client, acme: Api, rival: Api) -> None:
    def found(**query: str) -> list[str]:
        return [entry.action for entry in viewer.get(AUDIT, query).context["cl"].result_list]

    assert found() == ["api_key.issued", "partner.created"] * 2
    assert found(action="partner.created") == ["partner.created"] * 2
    assert found(q=str(acme.tenant_id)) == ["api_key.issued", "partner.created"]
    assert found(q="nobody") == []


# --- Whatever is typed into the address -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        f"{TENANTS}?q=%00",
        f"{TENANTS}?q=%22",
        f"{TENANTS}?partner=%00",
        f"{TENANTS}?tenant_role__exact=%00",
        f"{TENANTS}?name=%00",
        f"{TENANTS}?%00=1",
        f"{TENANTS}?parent__api_keys__digest=1",
        f"{TENANTS}?id=nonsense",
        f"{TENANTS}?created_at__gte=nonsense",
        f"{TENANTS}?p=nonsense",
        f"{TENANTS}?p=999999999999999999999",
        f"{TENANTS}?o=1.nonsense",
        f"{TENANTS}?all=",
        f"{TENANTS}nonsense/change/",
        f"{TENANTS}%00/change/",
        f"{TENANTS}{NOBODY}/change/",
        f"{TENANTS}{NOBODY}/suspend/",
        f"{TENANTS}nonsense/issue-key/",
        f"{TENANTS}{NOBODY}/history/",
        f"{KEYS}{NOBODY}/revoke/",
        f"{KEYS}?tenant__id__exact=nonsense",
        f"{KEYS}?status=nonsense",
        f"{AUDIT}99999999999999999999999/change/",
        f"{AUDIT}?created_at__gte=nonsense",
        f"{AUDIT}?action=%00",
        "/admin/auth/user/?q=%00",
        "/admin/auth/user/?username=%00",
        "/admin/nonsense/",
        "/admin/search/?s=tenant",
        "/admin/search/?s=tenant&page=nonsense",
        "/admin/search/?s=tenant&page=99",
    ],
)
def test_nonsense_is_answered(superuser: Client, acme: Api, path: str) -> None:
    assert superuser.get(path, follow=True).status_code in (200, 400, 403, 404)


def test_static_files_come_from_the_packages() -> None:
    html = Client().get("/admin/login/").content.decode()
    assets = re.findall(r'(?:href|src)="(/static/[^"]+)"', html)
    assert len(assets) > 5
    for asset in assets:
        response = Client().get(asset)
        assert response.status_code == 200, asset
        assert b"".join(response.streaming_content), asset  # type: ignore[attr-defined]  # of a file's response
        response.close()


# --- Groups and commands --------------------------------------------------------------------------------------------


def permissions_of(group: str) -> set[str]:
    with staff_context():
        rows = Permission.objects.filter(group__name=group).values_list("content_type__app_label", "codename")
        return {f"{app}.{codename}" for app, codename in rows}


def test_the_groups_hold_what_their_names_say() -> None:
    viewers, operators, superusers = (permissions_of(group) for group in ("viewer", "operator", "superuser"))
    apps = {permission.split(".")[0] for permission in viewers}
    assert apps >= {"tenants", "integrations"}
    assert apps.isdisjoint({"admin", "auth", "contenttypes", "sessions"})
    assert {permission.split(".")[1].split("_")[0] for permission in viewers} == {"view"}
    assert operators - viewers == {
        f"{app}.{verb}_{model}"
        for app, model in (("tenants", "tenant"), ("tenants", "apikey"), ("integrations", "partnerintegration"))
        for verb in ("add", "change")
    }
    with staff_context():
        assert len(superusers) == Permission.objects.count()


def test_sync_staff_groups_mends_and_repeats(capsys: pytest.CaptureFixture[str]) -> None:
    before = permissions_of("viewer")
    with staff_context():
        Group.objects.get(name="viewer").permissions.set(Permission.objects.filter(codename="delete_tenant"))
        Group.objects.get(name="operator").delete()
    for _ in range(2):
        call_command("sync_staff_groups")
        assert permissions_of("viewer") == before
        assert "tenants.add_tenant" in permissions_of("operator")
    with staff_context():
        assert Group.objects.count() == 3
    assert capsys.readouterr().out.count("have their permissions") == 2


def test_createsuperuser_and_changepassword(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", interactive=False, username="root", email="root@retivo.example", verbosity=0)
    assert Client().post("/admin/login/", {"username": "root", "password": PASSWORD}).status_code == 302

    monkeypatch.setattr(getpass, "getpass", answers("another long password", "another long password"))
    call_command("changepassword", "root", verbosity=0)
    assert Client().post("/admin/login/", {"username": "root", "password": PASSWORD}).status_code == 200
    assert Client().post("/admin/login/", {"username": "root", "password": "another long password"}).status_code == 302


def answers(*texts: str) -> Callable[..., str]:
    remaining = iter(texts)
    return lambda prompt="": next(remaining)


def test_clearsessions(viewer: Client) -> None:
    with staff_context():
        Session.objects.create(session_key="old", session_data="", expire_date=timezone.now() - timedelta(days=1))
    call_command("clearsessions")
    with staff_context():
        assert Session.objects.count() == 1
    assert viewer.get(TENANTS).status_code == 200
