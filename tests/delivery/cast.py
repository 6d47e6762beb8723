"""What the tests of delivery share: a merchant with action types and users, and a worker in this process."""

import asyncio
from dataclasses import dataclass
from typing import Any

from django.db import connection

from delivery.models import Action, Attempt
from delivery.worker.loop import Worker
from integrations.models import ActionType
from tenants.context import tenant_context
from tests.conftest import Api
from tests.factories import ActionFactory, TemplateBody
from tests.owner import as_owner, owner_cursor


@dataclass(frozen=True)
class Merchant:
    """A customer that has acme's action types, whose webhooks lead to `url`."""

    api: Api
    action_type_id: str
    secret: str

    def dispatch(self, user_id: str = "u1", **fields: Any) -> str:
        made: Action = ActionFactory(
            tenant_id=self.api.tenant_id, user_id=user_id, action_type_id=self.action_type_id, **fields
        )
        return made.id

    def action(self, action_id: str) -> Action:
        with tenant_context(self.api.tenant_id):
            return Action.objects.get(id=action_id)

    def attempts(self, action_id: str) -> list[Attempt]:
        with tenant_context(self.api.tenant_id):
            return list(Attempt.objects.filter(action_id=action_id).order_by("number"))

    def statuses(self) -> dict[str, int]:
        with tenant_context(self.api.tenant_id), connection.cursor() as cursor:
            cursor.execute("SELECT status, count(*) FROM delivery_action GROUP BY 1")
            return dict(cursor.fetchall())


def points(url: str) -> dict[str, Any]:
    return TemplateBody(delivery_webhook=url, parameters_schema={"amount": {"type": "number", "required": True}})


def merchant_of(partner: Api, url: str, *, slug: str = "merchant", provider: str = "loyalty") -> Merchant:
    """A new customer of `partner`, with an integration of its own."""
    integration = partner.register(provider, action_type_templates=[points(url)])
    return customer_of(partner, integration["webhook_secret"], slug=slug, provider=provider)


def customer_of(partner: Api, secret: str, *, slug: str, provider: str = "loyalty") -> Merchant:
    api = partner.provision(slug)
    api.post("/api/track", {"events": [{"user_id": user, "event": "e"} for user in ("u1", "u2")]})
    with tenant_context(api.tenant_id):
        action_type = ActionType.objects.get(provider=provider)
    return Merchant(api, action_type.id, secret)


def work() -> None:
    """A worker, until nothing is due."""
    asyncio.run(Worker().run_until_idle())


def make_due() -> None:
    """Let the time pass until every open action's next attempt."""
    as_owner("UPDATE delivery_action SET due_at = now(), leased_until = NULL WHERE status IN ('pending', 'dispatched')")


def let_time_pass(seconds: float) -> None:
    """For actions and endpoints, as if it were that much later."""
    with owner_cursor() as cursor:
        passed = f"make_interval(secs => {seconds})"
        for table, columns in _TIMES.items():
            changes = ", ".join(f"{name} = {name} - {passed}" for name in columns)
            cursor.execute(f"UPDATE {table} SET {changes}")


_TIMES = {
    "delivery_action": ("due_at", "leased_until", "expires_at", "created_at"),
    "delivery_endpoint": ("open_until",),
    "integrations_partnerintegration": ("previous_secret_until",),
}
