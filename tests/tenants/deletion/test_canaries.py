"""After a deletion no text of the tenant's is anywhere in the database: a dump of every table is searched for it."""

import io
import json
from typing import Any

import psycopg
from django.db import DatabaseError, connections

from delivery.worker.webhooks import fan_out
from learning.patterns.releases import release_patterns
from tenants.tasks import delete_tenants
from tenants.upkeep import audit_chain
from tests.conftest import Api, database_url
from tests.learning.cast import learn
from tests.owner import as_owner
from tests.partners.customers.test_delete_customer import delete, restore
from tests.partners.rollouts.cast import INTEGRATIONS, publish, roll_out, steer, work
from tests.tenants.scene import ACTION_TYPE, two_partners
from tests.tenants.test_isolation import TENANT_COLUMNS

__all__ = ["two_partners"]  # the fixture

CANARY = "canary7f3a"


def dump() -> dict[str, str]:
    """Each table as COPY writes it, partitions under their own names."""
    found = {}
    tables = as_owner(
        "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    with psycopg.connect(database_url("owner")) as owner:
        for (table,) in tables:
            text = io.BytesIO()
            with owner.cursor().copy(f"COPY {table} TO STDOUT") as copy:
                for block in copy:
                    text.write(block)
            found[table] = text.getvalue().decode()
    return found


def with_canary(text: str) -> set[str]:
    return {table for table, content in dump().items() if text in content}


def plant(tenant_id: Any) -> set[str]:
    """Put the canary in every column of text or JSON of the tenant's rows that takes it; the tables."""
    planted = set()
    for table in TENANT_COLUMNS:
        columns = as_owner(
            "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
            " AND NOT attisdropped AND attgenerated = ''"
            " AND atttypid IN ('text'::regtype, 'varchar'::regtype, 'jsonb'::regtype)",
            table,
        )
        if table == "tenants_auditentry":  # who did what is none of the tenant's texts
            columns = [column for column in columns if column[0] == "detail"]
        key = "id" if table == "tenants_tenant" else "tenant_id"
        for name, kind in columns:
            value = f'{{"{CANARY}": "{CANARY}"}}' if kind == "jsonb" else CANARY
            try:
                as_owner(f'UPDATE {table} SET "{name}" = %s WHERE {key} = %s', value, tenant_id)
            except DatabaseError:  # a constraint, or a table without such a column
                connections["owner"].close()
            else:
                planted.add(table)
    return planted


def plant_with_partner(acme: Api) -> None:
    """Have the partner name the customer in what it keeps itself: roll-outs, sharings, and answers to its events."""
    integration = acme.register("canary")["id"]
    (customer,) = acme.get("/api/partners/customers", {"external_id": CANARY}).json()["customers"]
    acme.post(f"{INTEGRATIONS}/{integration}/share", {"customer_tenant_id": customer["tenant_id"]})
    publish(acme, integration)
    for to in (
        {"customer_ids": [f"ext:{CANARY}"]},
        {"filter": {"external_id": CANARY}},
        {"filter": {"metadata": {CANARY: CANARY}}},
        {"filter": {"q": CANARY}},
    ):
        rollout = roll_out(acme, integration, to=to, stages=[{"percent": 50, "wait_minutes": 1}])
        assert rollout["customers"] == 1
        work(acme)
        steer(acme, rollout["id"], "rollback")
        work(acme)
    acme.post(f"{INTEGRATIONS}/{integration}/share", {"all": True})
    work(acme)
    fan_out()
    as_owner(
        "INSERT INTO delivery_webhookattempt (tenant_id, webhook_id, event_id, number, started_at, latency_ms,"
        "    status_code, error, response)"
        f" SELECT d.tenant_id, webhook_id, event_id, 1, now(), 1, 200, '', '{CANARY}' FROM delivery_webhookdelivery d"
        " JOIN tenants_partnerevent e ON e.id = d.event_id AND e.external_id IS NOT NULL"
    )


def test_dump__after_a_deletion__holds_nothing_of_the_tenant(two_partners: tuple[Api, Api]) -> None:
    acme, _ = two_partners
    acme.post("/api/partners/webhooks", {"url": "https://hooks.acme.example/events", "types": "*"})
    made = acme.post(
        "/api/partners/customers", {"name": f"Name {CANARY}", "slug": f"slug-{CANARY}"}, Idempotency_Key="planted"
    ).json()["customer"]
    customer = Api(made["tenant_id"], made["api_key"])
    customer.post(
        "/api/track",
        {"events": [{"user_id": f"user-{CANARY}", "event": f"event-{CANARY}", "properties": {CANARY: CANARY}}]},
    )
    customer.post("/api/track", {"events": [{"user_id": f"bad-{CANARY}"}]})
    customer.patch("/api/settings", {"config": {"note": CANARY}})
    customer.post("/api/external/action-types", {**ACTION_TYPE, "name": f"gift_{CANARY}", "description": CANARY})
    customer.post("/api/playbooks", {"name": CANARY, "entry_conditions": {"opted_out": False}}, Idempotency_Key=CANARY)
    customer.post("/api/decisions/recommend", {"user_id": f"user-{CANARY}"})
    acme.patch(
        f"/api/partners/customers/{customer.tenant_id}",
        {
            "name": f"Other {CANARY}",
            "external_id": CANARY,
            "metadata": {CANARY: CANARY},
            "controls": {"shadow_mode": {"active": True, "reason": CANARY}},
            "suspension": {"mode": "hold", "reason": CANARY},
        },
    )
    keys = f"/api/partners/customers/{customer.tenant_id}/api-keys"
    (key,) = acme.get(keys).json()["api_keys"]
    assert acme.post(f"{keys}/{key['id']}/rotate", {}).status_code == 201
    assert acme.post(f"{keys}/revoke-all", {"reissue": True}).status_code == 200
    plant_with_partner(acme)
    learn(customer, 1)
    release_patterns()
    plant(customer.tenant_id)
    before = with_canary(CANARY)
    assert {table.rpartition("_p")[0] or table for table in before} > {"tenants_tenant", "tenants_auditentry"}
    assert len(before) >= 10, before
    delete(acme, customer, reason=f"Reason {CANARY}")
    restore(acme, customer)
    delete(acme, customer, grace_days=0, reason=f"Reason {CANARY}")
    prefixes = as_owner("SELECT prefix FROM tenants_apikey WHERE tenant_id = %s", customer.tenant_id)
    assert len(prefixes) == 3

    delete_tenants(timestamp=0)

    assert as_owner("SELECT status FROM tenants_deletion WHERE requested_by <> 'staff' ORDER BY requested_at") == [
        ("cancelled",),
        ("verified",),
    ]
    assert with_canary(CANARY) == set()
    assert [with_canary(prefix) for (prefix,) in prefixes] == [set()] * 3
    # Who did what and when stays, and that the partner was told. Nothing else names the tenant.
    assert with_canary(str(customer.tenant_id)) == {"tenants_auditentry", "tenants_partnerevent"}
    entries = as_owner(
        "SELECT action, detail::text, address FROM tenants_auditentry WHERE tenant_id = %s ORDER BY id",
        customer.tenant_id,
    )
    assert [action for action, *_ in entries][-1] == "customer.deleted"
    assert all(detail == "{}" and address is None for _, detail, address in entries[:-1])
    assert json.loads(entries[-1][1]).keys() == {"deletion_id", "rows"}


def test_audit_chain__after_a_deletion__is_whole_and_still_shows_what_is_forged(acme: Api, merchant: Api) -> None:
    noted = audit_chain.verify()
    delete(acme, merchant, grace_days=0)
    delete_tenants(timestamp=0)

    head = audit_chain.verify(noted=noted)

    assert head.position > noted.position
    as_owner("UPDATE tenants_auditentry SET redacted_hash = sha256('x') WHERE redacted_hash IS NOT NULL")
    try:
        audit_chain.verify()
    except audit_chain.ChainError:
        return
    raise AssertionError("a hash that was put in is one that was not written")


def test_entries__of_a_tenant_that_is_there__are_not_redacted(acme: Api, merchant: Api) -> None:
    from django.db import connection

    from tenants.context import staff_context

    with staff_context(), connection.cursor() as cursor:
        cursor.execute("SELECT redact_audit_entries(%s)", [merchant.tenant_id])
        assert cursor.fetchone() == (0,)
