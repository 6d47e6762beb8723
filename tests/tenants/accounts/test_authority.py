"""Who may grant what, and change whom."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import ValidationError
from django.test import Client

from tenants.accounts import services as accounts
from tenants.context import staff_context
from tests.tenants.accounts.cast import (
    GROUPS,
    LAST,
    NEW_PASSWORD,
    NEW_PASSWORDS,
    USERS,
    errors,
    make_group,
    make_user,
    of_group,
    page_of,
    save,
    the_user,
)
from tests.tenants.staff.people import TENANTS, audited


@pytest.mark.parametrize(
    "grab",
    [
        {"groups": of_group("superuser")},
        {"groups": of_group("operator")},
        {"user_permissions": lambda: [Permission.objects.get(codename="change_tenant").pk]},
    ],
)
@pytest.mark.parametrize("name", ["clerk", "friend"])
def test_clerk__who_grants_what_he_lacks__is_refused(clerk: Client, grab: dict[str, Any], name: str) -> None:
    make_user("friend")
    assert "You do not have these permissions yourself" in errors(save(clerk, the_user(name), **grab))
    assert audited(actor="staff:clerk") == []


def test_clerk__within_what_he_holds__works(clerk: Client) -> None:
    friend, group = make_user("friend"), make_group("readers", "view_user")
    assert save(clerk, friend, first_name="Friend", groups=[group.pk]).status_code == 302
    assert clerk.post(page_of(friend, "password"), NEW_PASSWORDS).status_code == 302
    assert len(audited(actor="staff:clerk")) == 2


@pytest.mark.parametrize("superuser", [True, False])
@pytest.mark.parametrize("is_active", [True, False])
def test_clerk__before_an_account_with_more__may_only_look(clerk: Client, superuser: bool, is_active: bool) -> None:
    boss = make_user("boss", is_staff=True, is_superuser=superuser, is_active=is_active)
    if not superuser:
        with staff_context():
            boss.groups.add(Group.objects.get(name="operator"))
    page = clerk.get(page_of(boss))
    assert b"permissions that you do not have" in page.content
    assert page_of(boss, "password").encode() not in page.content
    assert clerk.get(page_of(boss, "password")).status_code == 403
    assert clerk.post(page_of(boss, "password"), NEW_PASSWORDS).status_code == 403
    assert clerk.post(page_of(boss), {"email": "clerk@elsewhere.example"}).status_code == 403
    assert audited(actor="staff:clerk") == []


def test_clerk__before_a_group_with_more__may_only_look(clerk: Client) -> None:
    strong, weak = make_group("strong", "change_tenant"), make_group("weak", "view_user")
    assert clerk.post(page_of(strong), {"name": "other"}).status_code == 403
    assert clerk.post(page_of(strong, "delete"), {"post": "yes"}).status_code == 403
    more = save(clerk, weak, permissions=lambda: [Permission.objects.get(codename="change_tenant").pk])
    assert "You do not have these permissions yourself" in errors(more)
    assert audited(actor="staff:clerk") == []


def test_group_superuser__without_the_flag__neither_takes_it_nor_a_superusers_password(superuser: Client) -> None:
    susan, boss = the_user("susan"), make_user("boss", is_staff=True, is_superuser=True)
    save(superuser, susan, is_superuser="on", first_name="Susan")  # the page shows the flag, and takes no other value
    assert (the_user("susan").is_superuser, the_user("susan").first_name) == (False, "Susan")
    assert superuser.post(page_of(boss, "password"), NEW_PASSWORDS).status_code == 403
    for user, changes in ((susan, {"is_superuser": True}), (boss, {"is_superuser": False})):
        with pytest.raises(ValidationError, match="Only a superuser"), staff_context():
            accounts.change_user(actor="test", by=susan, user_id=user.pk, changes=changes)
    assert [action for action, *_ in audited(actor="staff:susan")] == ["staff_user.changed"]


def test_new_user__by_one_who_may_not_see_users__leads_to_a_page(clerk: Client) -> None:
    with staff_context():
        own = User.objects.get(username="clerk").user_permissions
        own.set(Permission.objects.filter(codename__in=["add_user", "add_group"]))

    made = {"username": "mia", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    for response in (clerk.post(f"{USERS}add/", made), clerk.post(f"{GROUPS}add/", {"name": "helpers"})):
        assert (response.status_code, clerk.get(response.headers["Location"]).status_code) == (302, 200)
    assert [action for action, *_ in audited(actor="staff:clerk")] == ["staff_user.created", "staff_group.created"]


@pytest.mark.parametrize("path", [f"{USERS}?username__regex=(", f"{GROUPS}?name__iregex=(", f"{TENANTS}?name__regex=("])
def test_filter__by_a_regular_expression__is_refused(root: Client, path: str) -> None:
    assert root.get(path).status_code == 400


def test_autocompletion__of_a_text_with_nul__finds_nothing(root: Client) -> None:
    query = {"app_label": "auth", "model_name": "user", "field_name": "groups", "term": "\0"}
    assert root.get("/admin/autocomplete/", query).json()["results"] == []


@pytest.mark.parametrize("path", [USERS, GROUPS])
def test_filter__by_a_hash__is_refused(root: Client, path: str) -> None:
    field = "password__startswith" if path == USERS else "user__password__startswith"
    assert root.get(path, {field: "md5"}).status_code == 400


# --- The last superuser -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["is_superuser", "is_active", "is_staff"])
def test_last_superuser__who_gives_up_access__is_refused(root: Client, field: str) -> None:
    make_user("gone", is_staff=True, is_superuser=True, is_active=False)
    make_user("elsewhere", is_superuser=True)
    assert LAST in errors(save(root, the_user("root"), **{field: None}))
    assert audited(actor="staff:root") == []

    make_user("second", is_staff=True, is_superuser=True)
    assert save(root, the_user("root"), **{field: None}).status_code == 302
