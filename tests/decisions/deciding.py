"""A merchant with action types, and what the tests ask of it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from decisions.upkeep.aftermath import settle_tenant
from learning.tasks import fold_tenant
from tests.conftest import Api
from tests.decisions.cast import ask, happened
from tests.owner import as_owner

RECOMMEND, DECISIONS, LIFT = "/api/decisions/recommend", "/api/decisions", "/api/analytics/lift"

POINTS: dict[str, Any] = {
    "name": "grant_points",
    "parameters_schema": {"amount": {"type": "number", "required": True, "default": 10}},
    "delivery_webhook": "https://hooks.acme.example/points",
}
VOUCHER: dict[str, Any] = {"name": "send_voucher", "delivery_webhook": "https://hooks.acme.example/vouchers"}


def shop_of(partner: Api, slug: str = "shop", **fields: Any) -> Api:
    """A customer with two action types."""
    fields = {"provider": f"{slug}-loyalty", "action_type_templates": [POINTS, VOUCHER], **fields}
    partner.register(**fields)
    api = partner.provision(slug)
    for n in range(3):
        assert api.post("/api/customers", {"user_id": f"u{n}"}).status_code == 201
    return api


def configure(api: Api, **config: Any) -> None:
    response = api.patch("/api/settings", {"config": config})
    assert response.status_code == 200, response.content


def recommend(api: Api, user_id: str = "u0", **fields: Any) -> dict[str, Any]:
    response = api.post(RECOMMEND, {"user_id": user_id, **fields})
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def must_act(api: Api) -> None:
    """Teach the model that doing nothing is bad and everything else good, so that nothing is (almost) never drawn."""
    rows = [
        {"tenant": str(api.tenant_id), "id": f"taught_{n}", "action": action, "reward": reward}
        for n, (action, reward) in enumerate([(a, float(a != "nothing")) for a in ["nothing", *types(api)]] * 300)
    ]
    ask(
        api,
        "INSERT INTO learning_example (tenant_id, decision_id, user_id, action, features, outcome, conversion)"
        " SELECT (r ->> 'tenant')::uuid, r ->> 'id', 'u0', r ->> 'action', '{\"bias\": 1}', (r ->> 'reward')::float8, 0"
        " FROM jsonb_array_elements(%(rows)s::jsonb) r",
        rows=json.dumps(rows),
    )
    fold_tenant(api.tenant_id)


def acted(api: Api, user_id: str = "u0", **fields: Any) -> dict[str, Any]:
    """The first recommendation that does something: a twentieth or so is drawn evenly."""
    for _ in range(50):
        answer = recommend(api, user_id, **fields)
        if answer["action"] is not None or answer["guardrails"]:
            return answer
    raise AssertionError("nothing was done in 50 draws")


def types(api: Api) -> dict[str, str]:
    """Names by ids."""
    return dict(ask(api, "SELECT id, name FROM integrations_actiontype WHERE tenant_id = %(t)s", t=api.tenant_id))


def settle(api: Api, **options: Any) -> dict[str, int]:
    return dict(settle_tenant(api.tenant_id, **options))


def names(answer: dict[str, Any]) -> list[str]:
    """Of the guardrails that applied."""
    return [each["name"] for each in answer["guardrails"]]


def reasons(answer: dict[str, Any]) -> dict[str | None, str | None]:
    return {each["action"]: each["excluded_because"] for each in answer["candidates"]}


def reported(api: Api, answer: dict[str, Any], status: str) -> None:
    """As if it had been sent, and this came of it."""
    as_owner("UPDATE delivery_action SET attempts = 1, status = 'delivered', delivered_at = now()")
    response = api.post(f"/api/external/actions/{answer['action_id']}/outcome", {"status": status})
    assert response.status_code == 200, response.content


def outcome(api: Api, answer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"{DECISIONS}/{answer['decision_id']}").json()["decision"]["outcome"]
    return found


def example(api: Api, answer: dict[str, Any]) -> Any:
    sql = "SELECT action, outcome, conversion, folded FROM learning_example WHERE decision_id = %(id)s"
    return ask(api, sql, id=answer["decision_id"])


def bought(api: Api, user_id: str, after: timedelta = timedelta(seconds=1), name: str = "bought") -> None:
    at = datetime.now(UTC) + after
    happened(api, user_id, name, at)
    ask(api, "UPDATE events_trackeduser SET last_activity_at = now() WHERE user_id = %(u)s", u=user_id)


def later(**time: float) -> datetime:
    return datetime.now(UTC) + timedelta(**time)
