"""A worker is killed while it moves customers: another goes on, and each is moved once."""

from pathlib import Path

import pytest
from django.db import connections

from tests.conftest import Api
from tests.delivery.worker.processes import start, wait_for
from tests.owner import as_owner
from tests.partners.rollouts.cast import INTEGRATIONS, publish, revisions, roll_out, rollout_of

pytestmark = pytest.mark.long

CUSTOMERS = 4000


def populate(acme: Api) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO tenants_tenant (id, name, slug, tenant_role, parent_id, plan_tier, plan_status,"
            " tracked_user_limit, config, config_by_partner)"
            " SELECT gen_random_uuid(), 'M ' || n, 'm-' || n, 'customer', %s, 'starter', 'active', 10, '{}', '{}'"
            " FROM generate_series(1, %s) n",
            [acme.tenant_id, CUSTOMERS],
        )


def test_worker__killed_in_a_sharing_and_in_a_rollout__is_succeeded_by_another(acme: Api, tmp_path: Path) -> None:
    populate(acme)
    integration = acme.register()["id"]
    log = tmp_path / "log"
    path = f"{INTEGRATIONS}/{integration}/share"
    acme.post(path, {"all": True})
    process = start(log)
    try:
        wait_for(lambda: acme.get(path).json()["sharing"]["shared"] > 0)
        process.kill()
        process.wait()
        assert 0 < acme.get(path).json()["sharing"]["shared"] < CUSTOMERS

        process = start(log)
        wait_for(lambda: acme.get(path).json()["sharing"]["status"] == "completed", 120)
        publish(acme, integration)
        rollout = roll_out(acme, integration)
        wait_for(lambda: rollout_of(acme, rollout["id"])["moved"] > 0)
        process.kill()
        process.wait()
        assert 0 < rollout_of(acme, rollout["id"])["moved"] < CUSTOMERS

        process = start(log)
        wait_for(lambda: rollout_of(acme, rollout["id"])["status"] == "completed", 120)
    finally:
        process.kill()
        process.wait()

    assert rollout_of(acme, rollout["id"])["moved"] == CUSTOMERS
    found = revisions(acme)
    assert (len(found), set(found.values())) == (CUSTOMERS, {2})
    assert as_owner(
        "SELECT count(*), count(DISTINCT tenant_id), min(revision_before), max(revision_before)"
        " FROM integrations_rolloutcustomer"
    ) == [(CUSTOMERS, CUSTOMERS, 1, 1)]
    assert as_owner("SELECT count(*) FROM tenants_partnerevent WHERE type = 'integration.shared'") == [(CUSTOMERS,)]
