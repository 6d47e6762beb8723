"""Staff at work: what the admin's tests share."""

import re
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.db import connections
from django.test import Client, override_settings

from tenants.accounts.groups import NAMES
from tenants.context import staff_context
from tenants.models import ApiKey, AuditEntry, Tenant
from tests.conftest import Api
from tests.owner import owner_cursor

NOBODY = UUID(int=0)
PASSWORD = "correct horse battery staple"
TENANTS = "/admin/tenants/tenant/"
KEYS = "/admin/tenants/apikey/"
AUDIT = "/admin/tenants/auditentry/"
INTEGRATIONS = "/admin/integrations/partnerintegration/"
ACTION_TYPES = "/admin/integrations/actiontype/"


LOGINS = ["staff_user.logged_in", "staff_user.logged_out"]

# The logins are real; only the third of a second that a hash costs is not.
QUICK_PASSWORDS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@override_settings(PASSWORD_HASHERS=QUICK_PASSWORDS)
def log_in(name: str, *, group: str = "", superuser: bool = False) -> Client:
    with staff_context():
        user = User.objects.create_user(name, password=PASSWORD, is_staff=True, is_superuser=superuser)
        if group:
            user.groups.add(Group.objects.get(name=group))
    client = Client()
    response = client.post(f"/admin/login/?next={TENANTS}", {"username": name, "password": PASSWORD})
    assert (response.status_code, response.headers["Location"]) == (302, TENANTS)
    return client


def page_of(tenant: Api, action: str = "change") -> str:
    return f"{TENANTS}{tenant.tenant_id}/{action}/"


def first_key(tenant: Api) -> ApiKey:
    with staff_context():
        return ApiKey.objects.filter(tenant_id=tenant.tenant_id).earliest("created_at")


def the_tenant(tenant: Api) -> Tenant:
    with staff_context():
        return Tenant.objects.get(id=tenant.tenant_id)


def delete_own_groups() -> None:
    """Groups outlive a test, because a migration made those of Retivo."""
    with staff_context():
        Group.objects.exclude(name__in=NAMES).delete()


def audited(*, actor: str) -> list[tuple[str, UUID | None, dict[str, Any]]]:
    """The actor's entries, but for those of logins."""
    with staff_context():
        entries = AuditEntry.objects.filter(actor=actor).exclude(action__in=LOGINS).order_by("id")
        return list(entries.values_list("action", "tenant_id", "detail"))


def shown_key(response: Any) -> str:
    """The one key on the page."""
    found = set(re.findall(r"rt_(?:live|test)_[0-9A-Za-z]{36}", response.content.decode()))
    assert len(found) == 1, found
    assert not any(key in str(response.cookies) for key in found)
    return str(found.pop())


def assert_is_stored_nowhere(text: str) -> None:
    with owner_cursor() as cursor:
        for table in connections["owner"].introspection.table_names():
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE strpos(t::text, %s) > 0', [text])
            assert cursor.fetchone() == (0,), table
    with staff_context():
        assert all(text not in str(session.get_decoded()) for session in Session.objects.all())
