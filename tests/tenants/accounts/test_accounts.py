"""Staff change users and groups: what is recorded, and what is refused."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.test import Client

from tenants.accounts import services as accounts
from tenants.context import staff_context
from tenants.models import AuditEntry
from tests.conftest import Api
from tests.owner import as_owner
from tests.tenants.accounts.cast import (
    GROUPS,
    NEW_PASSWORD,
    NEW_PASSWORDS,
    USERS,
    errors,
    make_user,
    of_group,
    page_of,
    save,
    the_user,
)
from tests.tenants.staff.people import AUDIT, PASSWORD, TENANTS, assert_is_stored_nowhere, audited

# --- What is recorded -------------------------------------------------------------------------------------------------


def test_user__made_and_changed__is_recorded_with_what_was_before(root: Client) -> None:
    passwords = {"password1": PASSWORD, "password2": PASSWORD}
    made = root.post(f"{USERS}add/", {"username": "nora", **passwords})
    nora = the_user("nora")
    assert (made.status_code, made.headers["Location"]) == (302, page_of(nora))
    assert save(root, nora, email="nora@retivo.example", is_staff="on", groups=of_group("viewer")).status_code == 302
    assert save(root, nora).status_code == 302  # as it stands
    assert root.post(page_of(nora, "password"), NEW_PASSWORDS).status_code == 302

    about = {"user": {"id": nora.pk, "name": "nora"}}
    changes = {
        "email": {"from": "", "to": "nora@retivo.example"},
        "is_staff": {"from": False, "to": True},
        "groups": {"from": [], "to": ["viewer"]},
    }
    assert audited(actor="staff:root") == [
        ("staff_user.created", None, {**about, "is_staff": False, "is_superuser": False}),
        ("staff_user.changed", None, {**about, "changes": changes}),
        ("staff_user.password_changed", None, about),
    ]
    client = Client()
    assert client.post("/admin/login/", {"username": "nora", "password": NEW_PASSWORD}).status_code == 302
    assert_is_stored_nowhere(NEW_PASSWORD)
    with staff_context():
        assert not AuditEntry.objects.filter(detail__icontains=the_hash_of("nora")).exists()


def the_hash_of(name: str) -> str:
    return User.objects.values_list("password", flat=True).get(username=name)


def test_group__made_renamed_and_deleted__is_recorded_with_its_members(root: Client) -> None:
    assert root.post(f"{GROUPS}add/", {"name": "support"}).status_code == 302
    with staff_context():
        group = Group.objects.get(name="support")
        permission = Permission.objects.get(codename="view_apikey")
    assert save(root, group, name="helpdesk", permissions=[permission.pk]).status_code == 302
    olga = make_user("olga")
    with staff_context():
        olga.groups.add(group)
    assert root.post(page_of(group, "delete"), {"post": "yes"}).status_code == 302

    held = ["tenants.view_apikey"]
    changes = {"name": {"from": "support", "to": "helpdesk"}, "permissions": {"from": [], "to": held}}
    renamed = {"group": {"id": group.pk, "name": "helpdesk"}}
    assert audited(actor="staff:root") == [
        ("staff_group.created", None, {"group": {"id": group.pk, "name": "support"}}),
        ("staff_group.changed", None, {**renamed, "changes": changes}),
        ("staff_group.deleted", None, {**renamed, "name": "helpdesk", "permissions": held, "members": ["olga"]}),
    ]


def test_history__of_an_account__is_the_trail_about_it(root: Client, viewer: Client, acme: Api) -> None:
    olga, other = make_user("olga"), make_user("olga2")
    save(root, olga, first_name="Olga")
    save(root, other, first_name="Other")
    root.post(f"{GROUPS}add/", {"name": "olga"})

    found = root.get(page_of(olga, "history"), follow=True)
    (entry,) = found.context["cl"].result_list
    assert (entry.action, entry.tenant_id, entry.detail["user"]["name"]) == ("staff_user.changed", None, "olga")
    assert "user olga" in found.content.decode()
    again = root.get(f"{AUDIT}{entry.pk}/history/", follow=True)
    assert [each.pk for each in again.context["cl"].result_list] == [entry.pk]
    assert viewer.get(f"{AUDIT}{entry.pk}/change/").status_code == 200
    searched = viewer.get(AUDIT, {"q": "olga"}).context["cl"].result_list
    assert [each.action for each in searched] == ["staff_group.created", "staff_user.changed", "staff_user.changed"]


@pytest.mark.parametrize("about", ["nonsense", "user:", "user:x", "user:999", f"user:{'9' * 5000}", "%00", ":1"])
def test_trail__about_nonsense__is_answered(viewer: Client, acme: Api, about: str) -> None:
    assert audited(actor="test")
    assert viewer.get(f"{AUDIT}?about={about}", follow=True).status_code == 200


def test_own_password__changed__ends_the_other_sessions(viewer: Client) -> None:
    elsewhere = Client()
    elsewhere.post("/admin/login/", {"username": "vera", "password": PASSWORD})
    wrong = viewer.post("/admin/password_change/", {"old_password": "wrong", **NEW_PASSWORDS})
    assert wrong.status_code == 200
    assert audited(actor="staff:vera") == []

    right = viewer.post("/admin/password_change/", {"old_password": PASSWORD, **NEW_PASSWORDS})

    assert (right.status_code, right.headers["Location"]) == (302, "/admin/password_change/done/")
    assert viewer.get(TENANTS).status_code == 200
    assert elsewhere.get(TENANTS).status_code == 302
    (entry,) = audited(actor="staff:vera")
    assert (entry[0], entry[2]["user"]["name"]) == ("staff_user.password_changed", "vera")


# --- What is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"username": ""},
        {"username": "ROOT"},
        {"username": "no spaces"},
        {"username": "a\0b"},
        {"username": "x" * 151},
        {"password1": "", "password2": ""},
        {"password1": "short", "password2": "short"},
        {"password2": "another long password"},
    ],
)
def test_user__that_cannot_be_made__is_explained(root: Client, wrong: dict[str, str]) -> None:
    data = {"username": "nora", "password1": PASSWORD, "password2": PASSWORD, **wrong}
    response = root.post(f"{USERS}add/", data)
    assert response.status_code == 200
    assert response.context["form"].errors
    assert audited(actor="staff:root") == []


@pytest.mark.parametrize("name", ["", "viewer", "a\0b", "x" * 151])
def test_group__that_cannot_be_made__is_explained(root: Client, name: str) -> None:
    response = root.post(f"{GROUPS}add/", {"name": name})
    assert response.status_code == 200
    assert response.context["form"].errors
    assert audited(actor="staff:root") == []


@pytest.mark.parametrize("wrong", [{"email": "nonsense"}, {"groups": ["999"]}, {"first_name": "a\0b"}])
def test_user__with_invalid_values__stays(root: Client, wrong: dict[str, Any]) -> None:
    assert errors(save(root, make_user("olga"), **wrong))
    assert audited(actor="staff:root") == []


def test_user__is_neither_deleted_nor_renamed(root: Client) -> None:
    olga = make_user("olga")
    assert root.get(page_of(olga, "delete")).status_code == 403
    assert root.post(page_of(olga, "delete"), {"post": "yes"}).status_code == 403
    root.post(USERS, {"action": "delete_selected", "_selected_action": str(olga.pk), "post": "yes"})
    save(root, olga, username="olaf")
    assert the_user("olga").pk == olga.pk
    assert audited(actor="staff:root") == []


@pytest.mark.parametrize("name", ["viewer", "operator", "superuser"])
def test_group__that_migrations_write__is_shown_and_says_so(root: Client, name: str) -> None:
    with staff_context():
        group = Group.objects.get(name=name)
    page = root.get(page_of(group))
    assert b"Each migration rewrites this group" in page.content
    assert b'name="_save"' not in page.content
    assert root.post(page_of(group), {"name": "other"}).status_code == 403
    assert root.post(page_of(group, "delete"), {"post": "yes"}).status_code == 403
    for change in (accounts.change_group, accounts.delete_group):
        values: dict[str, Any] = {"changes": {"name": "other"}} if change is accounts.change_group else {}
        with pytest.raises(ValidationError, match="Each migration"), staff_context():
            change(actor="test", by=None, group_id=group.pk, **values)


# --- Commands ---------------------------------------------------------------------------------------------------------


def test_command__while_somebody_else_makes_a_user__records_its_own_alone() -> None:
    with staff_context(), accounts.recording(actor="command:createsuperuser"):
        as_owner(
            "INSERT INTO auth_user (username, password, first_name, last_name, email, is_superuser, is_staff,"
            " is_active, date_joined) VALUES ('other', '!', '', '', '', false, false, true, now())"
        )
        User.objects.create_superuser("mine", password=NEW_PASSWORD)

    assert the_user("other")
    assert [about["user"]["name"] for _, _, about in audited(actor="command:createsuperuser")] == ["mine"]


# --- The column -------------------------------------------------------------------------------------------------------


def test_migration__backwards_and_forwards__keeps_entries_without_a_tenant() -> None:
    with staff_context():
        accounts.create_user(actor="test", username="nora", password=PASSWORD)
    for target in (["tenants", "0007"], []):  # and what depends on it, both ways
        call_command("migrate", *target, verbosity=0)
        assert [action for action, *_ in audited(actor="test")] == ["staff_user.created"]
