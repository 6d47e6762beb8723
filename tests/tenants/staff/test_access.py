"""Who may see and do what, and what nonsense is answered."""

import getpass
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from tenants.context import staff_context
from tenants.models import AuditEntry
from tests.conftest import Api
from tests.tenants.staff.people import (
    ACTION_TYPES,
    AUDIT,
    INTEGRATIONS,
    KEYS,
    NOBODY,
    PASSWORD,
    TENANTS,
    audited,
    first_key,
    log_in,
    page_of,
)

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
        page_of(acme, "change-suspension"),
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
        for app, model in (
            ("tenants", "tenant"),
            ("tenants", "apikey"),
            ("integrations", "partnerintegration"),
            ("integrations", "rollout"),
            ("delivery", "actionrow"),
            ("delivery", "endpointrow"),
            ("delivery", "webhook"),
        )
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
    entries = audited(actor="command:sync_staff_groups")
    assert [(action, tenant, detail["group"]["name"]) for action, tenant, detail in entries] == [
        ("staff_group.changed", None, "viewer"),
        ("staff_group.created", None, "operator"),
        ("staff_group.changed", None, "operator"),
    ]
    assert entries[0][2]["changes"]["permissions"] == {"from": ["tenants.delete_tenant"], "to": sorted(before)}
    assert capsys.readouterr().out.count("have their permissions") == 2


def test_createsuperuser_and_changepassword(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", interactive=False, username="root", email="root@retivo.example", verbosity=0)
    assert Client().post("/admin/login/", {"username": "root", "password": PASSWORD}).status_code == 302

    monkeypatch.setattr(getpass, "getpass", answers("another long password", "another long password"))
    call_command("changepassword", "root", verbosity=0)
    assert Client().post("/admin/login/", {"username": "root", "password": PASSWORD}).status_code == 200
    assert Client().post("/admin/login/", {"username": "root", "password": "another long password"}).status_code == 302

    with staff_context():
        root = {"id": User.objects.get().pk, "name": "root"}
    assert audited(actor="command:createsuperuser") == [
        ("staff_user.created", None, {"user": root, "is_staff": True, "is_superuser": True})
    ]
    assert audited(actor="command:changepassword") == [("staff_user.password_changed", None, {"user": root})]


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
