"""What staff see of releases, and what they do not."""

import re
from typing import Any

import pytest
from django.test import Client

from learning.models import ModelState
from learning.patterns.releases import release_patterns
from tenants.context import tenant_context
from tests.conftest import Api
from tests.learning.cast import CUSTOMERS, learn, noise
from tests.tenants.staff.people import TENANTS, log_in, page_of

RELEASES = "/admin/learning/release/"


@pytest.fixture
def release_id(acme: Api, settings: Any) -> int:
    settings.PATTERNS_EPSILON = 10.0
    acme.register(domain="loyalty")
    for n in range(CUSTOMERS):
        learn(acme.provision(f"merchant-{n}"), n)
    with noise("0"):
        return release_patterns(epsilon=4.0).release_id


def told(partner: Api) -> list[dict[str, Any]]:
    """The patterns of the partner's own customers."""
    patterns: list[dict[str, Any]] = partner.get("/api/partners/patterns").json()["patterns"]
    assert patterns
    return patterns


def test_releases__in_the_list__say_what_they_cost(release_id: int, viewer: Client) -> None:
    page = viewer.get(RELEASES)

    assert page.status_code == 200
    assert "4 of 10 a year" in page.content.decode()


def test_release__by_itself__shows_its_patterns_as_the_partner_sees_them_and_no_contributor(
    release_id: int, viewer: Client, acme: Api
) -> None:
    page = viewer.get(f"{RELEASES}{release_id}/change/").content.decode()

    assert "spent ε 4.00 of 10" in page
    assert "0 of 0" in page
    for shown in ("Acme", "all partners", "grant_points", "loyalty/send_voucher", "under 50"):
        assert shown in page
    for pattern in told(acme):
        for segment in pattern["segments"]:
            low, high = segment["interval"]
            assert f"{segment['rate']:.1%}" in page
            assert f"{low:.1%} to {high:.1%}" in page
            assert f'<rect x="{100 * low:.2f}" y="2" width="{100 * (high - low):.2f}"' in page
    assert "merchant-" not in page
    assert "Merchant" not in page


def test_release__by_an_operator__is_not_changed(release_id: int) -> None:
    operator = log_in("oscar", group="operator")

    assert operator.post(f"{RELEASES}{release_id}/change/", {"epsilon": "0.1"}).status_code == 403
    assert operator.get(f"{RELEASES}add/").status_code == 403


# --- Whom they mislead ----------------------------------------------------------------------------------------------


@pytest.fixture
def weighted(acme: Api, settings: Any) -> dict[str, Api]:
    """Customers whose outcomes speak for the patterns, against them, and one that uses none."""
    found = {slug: acme.provision(slug) for slug in ("fits", "misled", "cold", "new")}
    for slug, weight in (("fits", 0.83), ("misled", 0.04), ("cold", None)):
        with tenant_context(found[slug].tenant_id):
            ModelState.objects.create(tenant_id=found[slug].tenant_id, pattern_weight=weight)
    return found


def test_tenants_page__says_how_far_patterns_are_gone_by(weighted: dict[str, Api], viewer: Client) -> None:
    pages = {slug: viewer.get(page_of(api)).content.decode() for slug, api in weighted.items()}

    assert "83.0% probable" in pages["fits"]
    assert "4.0% probable" in pages["misled"]
    assert [slug for slug, page in pages.items() if ">Mislead<" in re.sub(r"\s", "", page)] == ["misled"]
    assert "Not used" in pages["cold"]
    assert "Not used" in pages["new"]


def test_hierarchy__filtered_by_patterns__finds_whom_they_mislead(weighted: dict[str, Api], viewer: Client) -> None:
    def found(**query: str) -> list[str]:
        return [tenant.slug for tenant in viewer.get(TENANTS, query).context["cl"].result_list]

    assert found(patterns="misleading") == ["misled"]
    assert found(patterns="used") == ["fits", "misled"]
    assert found(patterns="unused") == ["acme", "cold", "new"]
    assert found(patterns="nonsense") == found()


def test_sidebar__whom_patterns_mislead__are_counted(weighted: dict[str, Api], viewer: Client) -> None:
    def badge() -> int:
        (item,) = [
            item
            for group in viewer.get(TENANTS).context["sidebar_navigation"]
            for item in group["items"]
            if item["title"] == "Releases"
        ]
        return int(item["badge"])

    assert badge() == 1
    with tenant_context(weighted["misled"].tenant_id):
        ModelState.objects.update(pattern_weight=0.5)
    assert badge() == 0
