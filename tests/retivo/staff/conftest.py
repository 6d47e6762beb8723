"""What staff pages show, and a superuser who may do all of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from tests.retivo.staff.ways import make_scene
from tests.tenants.staff.people import QUICK_PASSWORDS, delete_own_groups, log_in


@pytest.fixture
def scene(settings: Any) -> dict[type, Any]:
    settings.PASSWORD_HASHERS = QUICK_PASSWORDS
    return make_scene()


@pytest.fixture
def susan(scene: dict[type, Any]) -> Iterator[Client]:
    yield log_in("susan", superuser=True)
    delete_own_groups()
