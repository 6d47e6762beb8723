from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tenants.context import staff_context
from tests.tenants.staff.people import delete_own_groups, log_in


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
