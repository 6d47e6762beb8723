"""An integration with revisions, its customers, and a worker's job in this process."""

from typing import Any
from uuid import UUID

from partners.rollouts import job
from tenants.upkeep.rounds import Turn
from tests.conftest import Api
from tests.factories import IntegrationBody
from tests.owner import as_owner

INTEGRATIONS = "/api/partners/integrations"
ROLLOUTS = "/api/partners/rollouts"

# What an integration is registered with, which is its first revision.
TEMPLATES: list[dict[str, Any]] = IntegrationBody()["action_type_templates"]

# What the first revision has, with another description, and one action type for another.
NEXT: list[dict[str, Any]] = [
    {**TEMPLATES[0], "description": "Grant loyalty points, at most 500"},
    {"name": "send_card", "delivery_webhook": "https://hooks.acme.example/cards"},
]


def publish(partner: Api, integration_id: object, **body: Any) -> dict[str, Any]:
    answer = partner.post(f"{INTEGRATIONS}/{integration_id}/revisions", {"action_type_templates": NEXT, **body})
    assert answer.status_code == 201, answer.content
    revision: dict[str, Any] = answer.json()["revision"]
    return revision


def roll_out(partner: Api, integration_id: object, revision: int = 2, **body: Any) -> dict[str, Any]:
    answer = partner.post(f"{INTEGRATIONS}/{integration_id}/rollouts", {"revision": revision, "to": "all", **body})
    assert answer.status_code == 202, answer.content
    rollout: dict[str, Any] = answer.json()["rollout"]
    return rollout


def rollout_of(partner: Api, rollout_id: str) -> dict[str, Any]:
    answer = partner.get(f"{ROLLOUTS}/{rollout_id}")
    assert answer.status_code == 200, answer.content
    rollout: dict[str, Any] = answer.json()["rollout"]
    return rollout


def steer(partner: Api, rollout_id: str, how: str) -> Any:
    return partner.post(f"{ROLLOUTS}/{rollout_id}/{how}", {})


def work(partner: Api) -> None:
    """What a worker does for the partner, until nothing is due."""
    job.run_partner(partner.tenant_id, Turn())


def let_stage_pass() -> None:
    as_owner("UPDATE integrations_rollout SET due_at = now(), stage_ends_at = now() WHERE stage_ends_at IS NOT NULL")


def revisions(partner: Api) -> dict[UUID, int]:
    """At which revision each customer of the partner is; its action types say the same."""
    shares = as_owner(
        "SELECT tenant_id, revision FROM integrations_integrationshare WHERE partner_id = %s AND ended_at IS NULL",
        partner.tenant_id,
    )
    types = as_owner(
        "SELECT DISTINCT tenant_id, revision FROM integrations_actiontype WHERE partner_id = %s"
        " AND revision IS NOT NULL",
        partner.tenant_id,
    )
    assert sorted(shares) == sorted(types)
    return dict(shares)


def events(partner: Api, prefix: str) -> list[str]:
    found = as_owner(
        "SELECT type FROM tenants_partnerevent WHERE tenant_id = %s AND type LIKE %s ORDER BY seq",
        partner.tenant_id,
        f"{prefix}%",
    )
    return [type for (type,) in found]
