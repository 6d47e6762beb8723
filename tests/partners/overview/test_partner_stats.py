from datetime import UTC, datetime

from tenants.context import staff_context
from tenants.models import PlanStatus, Tenant
from tests.conftest import Api

PATH = "/api/partners/stats"


def month() -> str:
    return f"{datetime.now(UTC):%Y-%m}"


def test_stats__no_customers__are_zero(acme: Api) -> None:
    assert acme.get(PATH).json() == {
        "total_customers": 0,
        "by_plan_tier": {"starter": 0, "growth": 0, "scale": 0, "custom": 0},
        "by_plan_status": {"active": 0, "suspended": 0, "deleting": 0},
        "usage": {"month": month(), "active_users": 0, "events": 0},
        "lift": {
            "days": 30,
            "customers": 0,
            "counted_at": None,
            "treated": None,
            "holdout": None,
            "difference": None,
        },
        "customers": [],
        "next_cursor": None,
    }


def test_stats__some_customers__are_counted_by_tier_and_status(acme: Api, rival: Api) -> None:
    rival.provision("theirs")
    growing = acme.provision("growing", plan_tier="growth", tracked_user_limit=5000)
    paused = acme.provision("paused")
    with staff_context():
        Tenant.objects.filter(id=paused.tenant_id).update(plan_status=PlanStatus.SUSPENDED)

    body = acme.get(PATH).json()

    assert body["total_customers"] == 2
    assert body["by_plan_tier"] == {"starter": 1, "growth": 1, "scale": 0, "custom": 0}
    assert body["by_plan_status"] == {"active": 1, "suspended": 1, "deleting": 0}
    assert body["customers"][0].pop("created_at").endswith("Z")
    assert body["customers"][0] == {
        "tenant_id": str(growing.tenant_id),
        "name": "Growing",
        "plan_tier": "growth",
        "tracked_user_limit": 5000,
        "usage": {"month": month(), "active_users": 0, "limit": 5000, "events": 0},
    }


def test_stats__a_page__still_counts_everything(acme: Api) -> None:
    for number in range(3):
        acme.provision(f"m-{number}")

    body = acme.get(PATH, {"limit": 2}).json()

    assert (len(body["customers"]), body["total_customers"]) == (2, 3)
    rest = acme.get(PATH, {"cursor": body["next_cursor"]}).json()
    assert (len(rest["customers"]), rest["total_customers"], rest["next_cursor"]) == (1, 3, None)
