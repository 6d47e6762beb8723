"""GET /api/partners/patterns, and what provisioning and sharing say of a warm start."""

import re
from typing import Any

import pytest

from learning.patterns.releases import release_patterns
from tests.conftest import Api
from tests.learning.cast import learn, noise
from tests.owner import as_owner

PATH = "/api/partners/patterns"
STAGES = ["new", "onboarding", "active", "at_risk", "churned", "recovered"]


@pytest.fixture
def released(acme: Api, settings: Any) -> dict[str, Any]:
    """A release over 18 of acme's customers, after which a third action type is registered; the integration."""
    settings.PATTERNS_EPSILON = 10.0
    integration = acme.register(domain="loyalty")
    for n in range(18):
        learn(acme.provision(f"m{n}"), n)
    with noise("0"):
        assert release_patterns(epsilon=4.0).patterns == 8
    return integration


def test_patterns__before_any_release__are_none(acme: Api) -> None:
    assert acme.get(PATH).json() == {"patterns": [], "total": 0}


def test_patterns__of_the_partners_integrations__are_rates_by_stage(acme: Api, released: dict[str, Any]) -> None:
    body = acme.get(PATH).json()

    assert body["total"] == 2
    assert [pattern["action_type"] for pattern in body["patterns"]] == ["grant_points", "send_voucher"]
    found = body["patterns"][0]
    assert {name: found[name] for name in ("integration_id", "kind", "made_over", "epsilon", "delta")} == {
        "integration_id": released["id"],
        "kind": "loyalty/grant_points",
        "made_over": "own_customers",
        "epsilon": 4.0,
        "delta": 1e-6,
    }
    assert found["contributors"] == "under 50"
    assert [segment["segment"] for segment in found["segments"]] == STAGES
    for segment in found["segments"]:
        low, high = segment["interval"]
        # Four weights of 0.05 each: a rate of 0.55.
        assert 0 < low < segment["rate"] < high < 1
        assert low < 0.55 < high
    assert not re.search(r"\bm1\b", str(body))


def test_patterns__for_another_partner__are_those_over_all(rival: Api, released: dict[str, Any]) -> None:
    rival.register("rival-points", domain="loyalty")

    found = rival.get(PATH).json()["patterns"]

    assert [(one["action_type"], one["made_over"]) for one in found] == [
        ("grant_points", "all_partners"),
        ("send_voucher", "all_partners"),
    ]
    assert released["id"] not in str(found)


def test_patterns__for_a_customer__are_forbidden(merchant: Api) -> None:
    assert merchant.get(PATH).status_code == 403


def test_provision_and_share__after_a_release__say_that_it_is_warm(acme: Api, released: dict[str, Any]) -> None:
    answer = acme.post("/api/partners/customers", {"name": "New", "slug": "new"}).json()
    assert answer["warm_start"] == {"warm": True, "action_types": 2, "with_pattern": 2}

    unlike = {"delivery_webhook": "https://hooks.acme.example/other", "kind": None}
    templates = [{**unlike, "name": name} for name in ("grant_points", "send_voucher")]
    other = acme.register("acme-other", action_type_templates=templates)
    body = {"customer_tenant_id": answer["customer"]["tenant_id"]}
    shared = [
        acme.post(f"/api/partners/integrations/{integration['id']}/share", body).json()["warm_start"]
        for integration in (released, other)
    ]

    assert shared == [
        {"warm": True, "action_types": 2, "with_pattern": 2},
        {"warm": False, "action_types": 2, "with_pattern": 0},
    ]


@pytest.mark.parametrize(("partners", "of_it"), [("off", None), (None, "off"), ("off", "contribute")])
def test_provision__a_customer_without_learning__is_cold(
    acme: Api, released: dict[str, Any], partners: str | None, of_it: str | None
) -> None:
    acme.patch("/api/settings", {"config": {"learning": partners}})
    body = {"name": "New", "slug": "new", "config": {"learning": of_it} if of_it else {}}

    answer = acme.post("/api/partners/customers", body).json()

    assert answer["warm_start"] == {"warm": False, "action_types": 2, "with_pattern": 0}


def test_provision__a_customer_that_only_uses__is_warm(acme: Api, released: dict[str, Any]) -> None:
    body = {"name": "New", "slug": "new", "config": {"learning": "use_only"}}

    answer = acme.post("/api/partners/customers", body).json()

    assert answer["warm_start"] == {"warm": True, "action_types": 2, "with_pattern": 2}


def test_patterns__of_an_old_release__are_not_shown(acme: Api, released: dict[str, Any]) -> None:
    as_owner("UPDATE learning_release SET released_at = released_at - interval '401 days'")

    assert acme.get(PATH).json()["total"] == 0
