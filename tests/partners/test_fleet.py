"""What a partner does with all of its customers never fails because one is being deleted or suspended."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from events.usage import alerts
from tests.conftest import Api
from tests.owner import as_owner
from tests.partners.customers.test_delete_customer import delete
from tests.partners.rollouts import cast

Operation = Callable[[Api, str], Any]
WORD = {"active": True, "reason": "All of them."}
SUNSET = (datetime.now(UTC) + timedelta(days=30)).isoformat()


def switch(name: str, only: Callable[[str], Any] | None) -> Operation:
    def put(partner: Api, integration: str) -> Any:
        return partner.put(f"/api/partners/{name}", WORD | ({"only": only(integration)} if only else {}))

    return put


PARTS: dict[str, Callable[[str], Any] | None] = {
    "all": None,
    "integration": lambda integration: {"integration_id": integration},
    "action type": lambda _: {"action_type": "grant_points"},
    "filter": lambda _: {"filter": {"q": "shop"}},
    "filter of those being deleted": lambda _: {"filter": {"plan_status": "deleting"}},
}
OPERATIONS: dict[str, Operation] = {
    **{
        f"{name} of {part}": switch(name, only)
        for name in ("kill-switch", "shadow-mode")
        for part, only in PARTS.items()
    },
    "alerts": lambda partner, _: partner.put(
        "/api/partners/usage-alerts",
        {"metric": "events", "thresholds": [1], "scope": "each_customer", "limit": 1},
    ),
    "roll-out": lambda partner, integration: partner.post(
        f"{cast.INTEGRATIONS}/{integration}/rollouts", {"revision": 2, "to": "all"}
    ),
    "share": lambda partner, integration: partner.post(f"{cast.INTEGRATIONS}/{integration}/share", {"all": True}),
    "deprecate": lambda partner, integration: partner.post(
        f"{cast.INTEGRATIONS}/{integration}/deprecate", {"sunset_at": SUNSET}
    ),
    "correct addresses": lambda partner, integration: partner.send(
        "PATCH",
        f"{cast.INTEGRATIONS}/{integration}/webhooks",
        {"from_origin": "https://hooks.acme.example", "to_origin": "https://other.acme.example"},
    ),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_fleet__with_one_being_deleted_and_one_suspended__is_done_for_the_rest(acme: Api, name: str) -> None:
    integration = acme.register()["id"]
    going, held, well = (acme.provision(f"shop-{each}") for each in ("going", "held", "well"))
    for shop in (going, held, well):
        shop.post("/api/track", {"events": [{"user_id": "u", "event": "e"}]})
    cast.publish(acme, integration)
    assert delete(acme, going).status_code == 202
    suspension = {"suspension": {"mode": "full", "reason": "Unpaid"}}
    assert acme.patch(f"/api/partners/customers/{held.tenant_id}", suspension).status_code == 200

    answer = OPERATIONS[name](acme, integration)

    assert answer.status_code in (200, 202), answer.content
    cast.work(acme)
    alerts.watch(acme.tenant_id)
    assert as_owner("SELECT count(*) FROM integrations_rollout WHERE status <> 'completed'") == [(0,)]
    assert as_owner("SELECT count(*) FROM integrations_sharing WHERE finished_at IS NULL") == [(0,)]
    if name == "kill-switch of filter":
        assert answer.json()["kill_switch"]["customers_changed"] == 2
        assert well.get("/api/me").json()["effective"]["because"] == ["partner_kill_switch"]
    if name == "roll-out":
        assert cast.revisions(acme)[well.tenant_id] == 2
