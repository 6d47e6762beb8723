from typing import Any

import pytest

from tests.tenants.staff.people import QUICK_PASSWORDS


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = QUICK_PASSWORDS
