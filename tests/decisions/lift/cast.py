"""Users of both arms, and time that goes by."""

from typing import Any

from decisions.recommending.guardrails import is_held_out
from tests.conftest import Api
from tests.decisions.deciding import LIFT, later, settle
from tests.owner import as_owner

HELD_OUT = 50


def arms(api: Api, users: int, percent: float = HELD_OUT) -> tuple[list[str], list[str]]:
    """As many users who are treated and as many who are held out. They are there."""
    named = (f"l{n}" for n in range(100 * users))
    treated, held_out = list[str](), list[str]()
    for user in named:
        arm = held_out if is_held_out(api.tenant_id, user, percent) else treated
        if len(arm) < users:
            arm.append(user)
            assert api.post("/api/customers", {"user_id": user}).status_code == 201
        if len(treated) == len(held_out) == users:
            return treated, held_out
    raise AssertionError("The draw holds out nobody, or everybody.")


def pass_days(api: Api, days: int) -> None:
    """What comes of decisions is found out, and all that is there is older."""
    settle(api, now=later(days=days, seconds=5))
    for table, columns in {
        "decisions_decision": ["created_at", "converted_at", "closed_at"],
        "decisions_lifttrial": ["started_at"],
    }.items():
        moved = ", ".join(f"{column} = {column} - {days} * interval '1 day'" for column in columns)
        as_owner(f"UPDATE {table} SET {moved} WHERE tenant_id = %(tenant_id)s", tenant_id=api.tenant_id)


def lift(api: Api, **query: Any) -> dict[str, Any]:
    response = api.get(LIFT, query)
    assert response.status_code == 200, response.content
    found: dict[str, Any] = response.json()["lift"]
    return found


def counted(found: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Users and how many of them converted, by arm."""
    return {arm: (found[arm]["users"], found[arm]["converted"]) for arm in ("treated", "holdout")}
