from typing import Any

import pytest
from django.test import Client

from tests.tenants.staff.people import log_in


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
