"""Staff change users and groups: what is recorded, what is refused, and who may grant and change what."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection
from django.test import Client

from tenants.accounts import services as accounts
from tenants.context import staff_context
from tenants.models import AuditEntry
from tests.conftest import Api
from tests.owner import as_owner
from tests.tenants.staff.people import (
    AUDIT,
    PASSWORD,
    TENANTS,
    assert_is_stored_nowhere,
    audited,
    delete_own_groups,
    log_in,
)

USERS, GROUPS = "/admin/auth/user/", "/admin/auth/group/"
NEW_PASSWORD = "purple monkey dishwasher"
NEW_PASSWORDS = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
LAST = "the last active superuser"


@pytest.fixture(autouse=True)
def _own_groups() -> Iterator[None]:
    yield
    delete_own_groups()


@pytest.fixture
def root() -> Client:
    return log_in("root", superuser=True)


@pytest.fixture
def clerk() -> Client:
    """May edit users and groups, and nothing else."""
    client = log_in("clerk")
    wanted = [f"{verb}_{model}" for verb in ("view", "add", "change") for model in ("user", "group")]
    with staff_context():
        permissions = Permission.objects.filter(codename__in=[*wanted, "delete_group"], content_type__app_label="auth")
        User.objects.get(username="clerk").user_permissions.set(permissions)
    return client


def the_user(name: str) -> User:
    with staff_context():
        return User.objects.get(username=name)


def make_user(name: str, **fields: Any) -> User:
    with staff_context():
        return User.objects.create_user(name, password=PASSWORD, **fields)


def make_group(name: str, *codenames: str) -> Group:
    with staff_context():
        group = Group.objects.create(name=name)
        group.permissions.set(Permission.objects.filter(codename__in=codenames))
        return group


def page_of(account: User | Group, action: str = "change") -> str:
    return f"{USERS if isinstance(account, User) else GROUPS}{account.pk}/{action}/"


def save(client: Client, account: User | Group, **fields: Any) -> Any:
    """Save the account's page with other values; None is a box that is not checked."""
    with staff_context():
        fields = {name: value() if callable(value) else value for name, value in fields.items()}
    form = client.get(page_of(account)).context["adminform"].form
    values = {name: form[name].value() for name in form.fields} | fields
    return client.post(page_of(account), {name: value for name, value in values.items() if value not in (None, False)})


def errors(response: Any) -> str:
    assert response.status_code == 200
    return str(response.context["errors"])


def of_group(name: str) -> Any:
    return lambda: [Group.objects.get(name=name).pk]


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


# --- Who may grant and change what ------------------------------------------------------------------------------------


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


def test_superusers__who_demote_each_other_at_once__leave_one() -> None:
    clients = {"root": log_in("root", superuser=True), "rita": log_in("rita", superuser=True)}
    targets = {"root": the_user("rita"), "rita": the_user("root")}
    ready = threading.Barrier(2)

    def demote(name: str) -> None:
        try:
            ready.wait()
            clients[name].post(page_of(targets[name]), {"is_active": "on", "is_staff": "on"})
        finally:
            connection.close()

    threads = [threading.Thread(target=demote, args=[name]) for name in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with staff_context():
        assert User.objects.filter(is_superuser=True).count() == 1


# --- Two pages at once ------------------------------------------------------------------------------------------------


def at_once(client: Client, *posts: tuple[str, dict[str, Any]]) -> list[int]:
    """The statuses of posts that are sent in parallel, in one session."""
    ready = threading.Barrier(len(posts))
    statuses: list[int] = []

    def send(path: str, values: dict[str, Any]) -> None:
        one = Client(raise_request_exception=False)
        one.cookies = client.cookies
        try:
            ready.wait()
            statuses.append(one.post(path, values).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=post) for post in posts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(statuses) == len(posts)
    return statuses


def test_group__deleted_six_times_at_once__is_deleted_once(root: Client) -> None:
    group = make_group("helpers")

    statuses = at_once(root, *[(page_of(group, "delete"), {"post": "yes"})] * 6)

    assert set(statuses) == {302}
    assert [action for action, *_ in audited(actor="staff:root")] == ["staff_group.deleted"]


def test_groups__given_one_name_at_once__one_gets_it(root: Client) -> None:
    groups = [make_group(f"helpers-{n}") for n in range(6)]

    statuses = at_once(root, *[(page_of(group), {"name": "helpers"}) for group in groups])

    assert set(statuses) <= {200, 302}
    assert [action for action, *_ in audited(actor="staff:root")] == ["staff_group.changed"]


def test_group__deleted_while_users_are_put_into_it__leaves_nobody_in_it(root: Client) -> None:
    group = make_group("helpers")
    users = [make_user(f"user-{n}") for n in range(5)]
    joined = {"is_active": "on", "groups": group.pk}

    statuses = at_once(root, (page_of(group, "delete"), {"post": "yes"}), *[(page_of(user), joined) for user in users])

    assert set(statuses) <= {200, 302}
    with staff_context():
        assert not Group.objects.filter(pk=group.pk).exists()
        assert not User.objects.filter(groups__isnull=False).exists()


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
    for target in ("0007", "0008"):
        call_command("migrate", "tenants", target, verbosity=0)
        assert [action for action, *_ in audited(actor="test")] == ["staff_user.created"]
