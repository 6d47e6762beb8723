from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections, transaction

from tenants import tasks
from tenants.api_keys import expiring
from tenants.context import tenant_context
from tenants.upkeep import rounds
from tests.conftest import Api
from tests.owner import as_owner
from tests.tenants.api_keys.places import id_of


def told() -> list[Any]:
    return as_owner(
        "SELECT customer_id, data->>'key_id', (data->>'days')::int FROM tenants_partnerevent"
        " WHERE type = 'api_key.expiring' ORDER BY seq"
    )


def expires(api: Api, when: str) -> None:
    as_owner("ALTER TABLE tenants_apikey DISABLE TRIGGER guard_api_key")
    as_owner(f"UPDATE tenants_apikey SET expires_at = now() + interval '{when}' WHERE id = %s", id_of(api))
    as_owner("ALTER TABLE tenants_apikey ENABLE TRIGGER guard_api_key")


def test_round__over_the_life_of_a_key__tells_of_7_days_and_of_1_once_each(merchant: Api) -> None:
    seen = []
    for when in ("8 days", "6 days", "5 days", "20 hours", "19 hours", "1 second", "-1 second"):
        expires(merchant, when)
        for _ in range(2):
            tasks.tell_of_expiring_keys(timestamp=0)
        seen.append([days for _, _, days in told()])
    assert seen == [[], [7], [7], [7, 1], [7, 1], [7, 1], [7, 1]]
    assert told()[0][:2] == (merchant.tenant_id, str(id_of(merchant)))


def test_round__key_that_is_revoked__is_not_told_of(acme: Api, merchant: Api) -> None:
    expires(merchant, "1 day")
    acme.delete(f"/api/partners/customers/{merchant.tenant_id}/api-keys/{id_of(merchant)}")
    assert rounds.ask(rounds.of(expiring.TENANTS)) == []


def test_round__that_is_killed_before_its_commit__tells_in_the_next(merchant: Api) -> None:
    expires(merchant, "6 days")
    with tenant_context(merchant.tenant_id):
        expiring.tell(tenant_id=merchant.tenant_id)
        transaction.set_rollback(True)  # what becomes of a transaction whose process is gone
    assert told() == []
    tasks.tell_of_expiring_keys(timestamp=0)
    assert len(told()) == 1


@pytest.mark.parametrize("partner", [True, False])
def test_round__several_at_once__tell_once(acme: Api, merchant: Api, partner: bool) -> None:
    holder = acme if partner else merchant
    expires(holder, "20 hours")

    def tell(_: int) -> None:
        with tenant_context(holder.tenant_id):
            expiring.tell(tenant_id=holder.tenant_id)
        connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(tell, range(8)))
    assert told() == [(None if partner else merchant.tenant_id, str(id_of(holder)), 1)]
