"""A tenant's action types, and what is told of them."""

from typing import Any

from tenants.context import staff_context
from tenants.models import AuditEntry
from tests.conftest import Api

PATH = "/api/external/action-types"
GIFT: dict[str, Any] = {
    "name": "send_gift_card",
    "description": "Send a gift card",
    "provider": "our-shop",
    "domain": "loyalty",
    "parameters_schema": {"amount": {"type": "number", "required": True}},
    "delivery_webhook": "https://hooks.shop.example/cards",
    "estimated_cost_usd": "10.5",
}


def register(api: Api, **fields: Any) -> dict[str, Any]:
    response = api.post(PATH, {**GIFT, **fields})
    assert response.status_code == 201, response.content
    action_type: dict[str, Any] = response.json()["action_type"]
    return action_type


def listed(api: Api, **query: Any) -> list[dict[str, Any]]:
    response = api.get(PATH, query)
    assert response.status_code == 200, response.content
    found: list[dict[str, Any]] = response.json()["action_types"]
    return found


def names(api: Api, **query: Any) -> set[str]:
    return {action_type["name"] for action_type in listed(api, **query)}


def shared(api: Api, name: str = "grant_points") -> dict[str, Any]:
    return next(action_type for action_type in listed(api) if action_type["name"] == name)


def audited(api: Api) -> list[tuple[str, dict[str, Any]]]:
    with staff_context():
        entries = AuditEntry.objects.filter(tenant_id=api.tenant_id, action__startswith="action_type.").order_by("id")
        return [(entry.action.removeprefix("action_type."), entry.detail) for entry in entries]
