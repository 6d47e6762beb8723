"""Users and groups of staff, and their pages in use."""

from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from tenants.context import staff_context
from tests.tenants.staff.people import PASSWORD

USERS, GROUPS = "/admin/auth/user/", "/admin/auth/group/"
NEW_PASSWORD = "purple monkey dishwasher"
NEW_PASSWORDS = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
LAST = "the last active superuser"


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
