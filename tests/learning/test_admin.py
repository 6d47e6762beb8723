"""What staff see of releases, and what they do not."""

from typing import Any

import pytest
from django.test import Client

from learning.releases import release_patterns
from tests.conftest import Api
from tests.learning.test_releases import CUSTOMERS, learn
from tests.tenants.admin.staff import log_in

RELEASES = "/admin/learning/release/"


@pytest.fixture
def release_id(acme: Api, settings: Any) -> int:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.PATTERNS_EPSILON = 4.0
    settings.PATTERNS_MECHANISM = "learning.privacy.SeededGaussian"
    acme.register(domain="loyalty")
    for n in range(CUSTOMERS):
        learn(acme.provision(f"merchant-{n}"), n)
    found = release_patterns().release_id
    assert found
    return found


@pytest.fixture
def viewer() -> Client:
    return log_in("vera", group="viewer")


def test_releases__in_the_list__say_what_they_cost(release_id: int, viewer: Client) -> None:
    page = viewer.get(RELEASES)

    assert page.status_code == 200
    assert "4 of 4 a year" in page.content.decode()


def test_release__by_itself__shows_its_patterns_and_no_contributor(release_id: int, viewer: Client) -> None:
    page = viewer.get(f"{RELEASES}{release_id}/change/").content.decode()

    assert "spent ε 4.00 of 4" in page
    assert "0 of 0" in page
    for shown in ("Acme", "all partners", "grant_points", "loyalty/send_voucher", "under 50", "<svg"):
        assert shown in page
    assert "merchant-" not in page
    assert "Merchant" not in page


def test_release__by_an_operator__is_not_changed(release_id: int) -> None:
    operator = log_in("oscar", group="operator")

    assert operator.post(f"{RELEASES}{release_id}/change/", {"epsilon": "0.1"}).status_code == 403
    assert operator.get(f"{RELEASES}add/").status_code == 403
