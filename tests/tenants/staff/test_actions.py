"""What staff do: partners, keys, suspending, switching off; and its audit trail."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from integrations.models import PartnerIntegration
from tenants.context import staff_context
from tenants.models import ApiKey, PlanStatus, PlanTier, Tenant, TenantRole
from tests.conftest import Api
from tests.owner import as_owner
from tests.tenants.staff.people import (
    AUDIT,
    INTEGRATIONS,
    KEYS,
    TENANTS,
    assert_is_stored_nowhere,
    audited,
    first_key,
    page_of,
    shown_key,
    the_tenant,
)

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
        "expires_at": expires_at.strftime("%Y-%m-%dT%H:%M"),
    }
    response = operator.post(page_of(merchant, "issue-key"), data)
    assert "no-store" in response.headers["Cache-Control"]
    key = shown_key(response)
    assert key.startswith("rt_live_")
    with staff_context():
        record = ApiKey.objects.get(tenant_id=merchant.tenant_id, prefix=key[:12])
    assert (record.label, record.scopes, record.expires_at) == ("Checkout", ["full"], expires_at)
    assert audited(actor="staff:oscar") == [
        (
            "api_key.issued",
            merchant.tenant_id,
            {"key_id": str(record.id), "label": "Checkout", "prefix": key[:12], "scopes": ["full"]},
        )
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
        ("label", "a" * 101),
        ("label", "a\0b"),
        ("expires_at", "2001-01-01T00:00"),
        ("expires_at", "soon"),
        ("expires_at", "99999-01-01T00:00"),
    ],
)
def test_a_key_that_cannot_be_issued_is_explained(operator: Client, merchant: Api, field: str, value: Any) -> None:
    response = operator.post(page_of(merchant, "issue-key"), {"label": "", "scopes": ["full"], field: value})
    assert response.status_code == 200
    assert list(response.context["form"].errors) == [field]
    assert audited(actor="staff:oscar") == []


def test_a_key_is_issued_with_no_scope_but_those_that_are_chosen(operator: Client, merchant: Api) -> None:
    page = page_of(merchant, "issue-key")
    assert not operator.get(page).context["form"]["scopes"].value()

    refused = operator.post(page, {"label": "Narrow"})

    assert "Choose at least one" in refused.content.decode()
    assert audited(actor="staff:oscar") == []


def test_controls__that_stay_as_they_are__are_said_to_be_unchanged(operator: Client, merchant: Api) -> None:
    page = page_of(merchant, "controls")
    answers = [operator.post(page, {"kill_switch": "on"}, follow=True).content.decode() for _ in range(2)]

    assert ["are in force" in answer for answer in answers] == [True, False]
    assert "Nothing was changed." in answers[1]
    assert len(audited(actor="staff:oscar")) == 1


def test_partners_alone_are_offered_the_partner_scope(operator: Client, acme: Api, merchant: Api) -> None:
    assert b"Partner API" in operator.get(page_of(acme, "issue-key")).content
    assert b"Partner API" not in operator.get(page_of(merchant, "issue-key")).content
    response = operator.post(page_of(acme, "issue-key"), {"scopes": ["partner", "full"]})
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
    assert audited(actor="staff:oscar") == [
        ("api_key.revoked", acme.tenant_id, {"key_id": str(key.id), "prefix": key.prefix})
    ]
    page = operator.get(page_of(acme)).content.decode()
    assert f"The key {key} is revoked." in page
    assert path not in page
    assert path not in operator.get(f"{KEYS}{key.id}/change/").content.decode()
    # Again, as from a page that stood open: nothing changes.
    assert operator.post(path).status_code == 302
    assert len(audited(actor="staff:oscar")) == 1


def test_operators_rotate_a_key(operator: Client, acme: Api) -> None:
    key = first_key(acme)
    path = f"{KEYS}{key.id}/rotate/"
    assert f'href="{path}"' in operator.get(page_of(acme)).content.decode()
    assert list(operator.post(path, {"overlap_hours": "721"}).context["form"].errors) == ["overlap_hours"]

    response = operator.post(path, {"overlap_hours": "24"})

    assert "no-store" in response.headers["Cache-Control"]
    successor = Api(acme.tenant_id, shown_key(response))
    assert [api.get("/api/partners/customers").status_code for api in (acme, successor)] == [200, 200]
    with staff_context():
        record = ApiKey.objects.get(replaces=key)
    assert (record.scopes, record.created_by) == (key.scopes, "staff:oscar")
    assert [entry[:2] for entry in audited(actor="staff:oscar")] == [("api_key.rotated", acme.tenant_id)]
    for one, other in ((key, record), (record, key)):  # each leads to the other, by its prefix
        html = operator.get(f"{KEYS}{one.id}/change/").content.decode()
        assert f"{KEYS}{other.id}/change/" in html
        assert f"<code>{other}</code>" in html
    page = operator.get(page_of(acme)).content.decode()
    assert "Expiring" in page
    assert "staff:oscar" in page
    assert path not in page
    # Again, as from a page that stood open: it is explained, and nothing changes.
    assert "rotated already" in operator.post(path, {"overlap_hours": "24"}, follow=True).content.decode()
    # What a partner sees of staff is that it was them.
    shown = acme.get(f"/api/partners/api-keys/{record.id}").json()["key"]
    assert shown["created_by"] == {"type": "staff", "id": None}


def test_operators_suspend_and_reactivate_a_tenant(operator: Client, acme: Api) -> None:
    assert b"All of its keys are refused" in operator.get(page_of(acme, "suspend")).content
    assert the_tenant(acme).plan_status == PlanStatus.ACTIVE
    assert page_of(acme, "reactivate") not in operator.get(page_of(acme)).content.decode()

    assert operator.post(page_of(acme, "suspend")).headers["Location"] == page_of(acme)
    assert acme.get("/api/partners/customers").status_code == 403
    assert page_of(acme, "suspend") not in operator.get(page_of(acme)).content.decode()

    assert operator.post(page_of(acme, "reactivate")).headers["Location"] == page_of(acme)
    assert acme.get("/api/partners/customers").status_code == 200
    assert [
        (action, tenant, detail["changes"]["plan_status"]) for action, tenant, detail in audited(actor="staff:oscar")
    ] == [
        ("partner.updated", acme.tenant_id, {"from": "active", "to": "suspended"}),
        ("partner.updated", acme.tenant_id, {"from": "suspended", "to": "active"}),
    ]


def test_staff_change_a_suspension_while_it_lasts(operator: Client, acme: Api, merchant: Api) -> None:
    page = page_of(acme, "change-suspension")
    assert page not in operator.get(page_of(acme)).content.decode()
    assert operator.post(page, {"mode": "hold"}).headers["Location"] == page_of(acme)  # there is none to change
    assert the_tenant(acme).plan_status == PlanStatus.ACTIVE

    operator.post(page_of(acme, "suspend"), {"mode": "full", "reason": "Unpaid", "cascade_days": "14"})
    (begun,) = as_owner("SELECT suspended_since FROM tenants_control WHERE tenant_id = %s", acme.tenant_id)
    assert page in operator.get(page_of(acme)).content.decode()
    form = operator.get(page).content.decode()
    assert 'value="Unpaid"' in form
    assert 'value="14"' in form
    assert operator.post(page, {"mode": "hold", "reason": "Half paid", "cascade_days": "3"}).status_code == 302

    says = "SELECT suspended_since, suspension_mode, suspension_reason, cascade_days FROM tenants_control"
    assert as_owner(f"{says} WHERE tenant_id = %s", acme.tenant_id) == [(*begun, "hold", "Half paid", 3)]
    assert acme.get("/api/partners/customers").status_code == 200
    (_, _, detail) = audited(actor="staff:oscar")[-1]
    assert detail["changes"]["suspension"]["from"]["reason"] == "Unpaid"
    assert detail["changes"]["suspension"]["to"]["reason"] == "Half paid"


def test_staff_take_over_a_suspension_that_a_partner_could_lift(operator: Client, acme: Api, merchant: Api) -> None:
    customer = f"/api/partners/customers/{merchant.tenant_id}"
    assert acme.patch(customer, {"plan_status": "suspended"}).status_code == 200
    html = operator.get(page_of(merchant)).content.decode()
    assert page_of(merchant, "suspend") in html
    assert page_of(merchant, "reactivate") not in html  # staff suspended nothing

    operator.post(page_of(merchant, "suspend"))

    assert page_of(merchant, "suspend") not in operator.get(page_of(merchant)).content.decode()
    assert acme.patch(customer, {"plan_status": "active"}).json()["code"] == "suspended_by_staff"
    operator.post(page_of(merchant, "reactivate"))
    assert merchant.get("/api/settings").json()["code"] == "tenant_suspended"
    assert acme.patch(customer, {"plan_status": "active"}).status_code == 200
    assert merchant.get("/api/settings").status_code == 200


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
    detail = {"integration_id": integration["id"], "provider": "acme-loyalty"}
    assert audited(actor="staff:oscar") == [
        ("integration.switched_off", acme.tenant_id, detail | {"changes": {"active": {"from": True, "to": False}}}),
        ("integration.switched_on", acme.tenant_id, detail | {"changes": {"active": {"from": False, "to": True}}}),
    ]


def test_history_is_the_audit_trail(viewer: Client, acme: Api, rival: Api) -> None:
    for path in (page_of(acme, "history"), f"{KEYS}{first_key(acme).id}/history/"):
        response = viewer.get(path, follow=True)
        entries = response.context["cl"].result_list
        assert {entry.tenant_id for entry in entries} == {acme.tenant_id}


def test_the_audit_trail_is_searched_and_filtered(viewer: Client, acme: Api, rival: Api) -> None:
    def found(**query: str) -> list[str]:
        entries = viewer.get(AUDIT, query).context["cl"].result_list
        return [entry.action for entry in entries if entry.action != "staff_user.logged_in"]

    assert found() == ["api_key.issued", "partner.created"] * 2
    assert found(action="partner.created") == ["partner.created"] * 2
    assert found(q=str(acme.tenant_id)) == ["api_key.issued", "partner.created"]
    assert found(q="nobody") == []
