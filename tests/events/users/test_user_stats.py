from tests.conftest import Api
from tests.events.users.people import USERS, save, score

STATS = f"{USERS}/stats"


def test_stats__no_users__are_zero(merchant: Api) -> None:
    assert merchant.get(STATS).json() == {
        "stats": {
            "total": 0,
            "new": 0,
            "onboarding": 0,
            "active": 0,
            "at_risk": 0,
            "churned": 0,
            "recovered": 0,
            "by_risk_level": {"low": 0, "medium": 0, "high": 0},
        }
    }


def test_stats__some_users__counts_them_by_stage_and_risk(acme: Api, merchant: Api) -> None:
    for number, (stage, risk) in enumerate(
        [("active", "low"), ("active", "medium"), ("at_risk", "high"), ("churned", "high"), ("new", "low")]
    ):
        save(merchant, f"u{number}")
        score(merchant, f"u{number}", lifecycle_stage=stage, risk_level=risk)
    save(acme.provision("other"), "u1")

    stats = merchant.get(STATS).json()["stats"]

    assert stats.pop("by_risk_level") == {"low": 2, "medium": 1, "high": 2}
    assert stats == {"total": 5, "new": 1, "onboarding": 0, "active": 2, "at_risk": 1, "churned": 1, "recovered": 0}
