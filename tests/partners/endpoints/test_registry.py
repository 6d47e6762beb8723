"""Addresses that integrations register get their rows in one order, whatever order they are sent in."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg
from django.db import connections

from integrations import services
from tenants.context import tenant_context
from tests.conftest import Api, database_url
from tests.owner import as_owner

URLS = [f"https://hooks.acme.example/{name}" for name in "abcdef"]

ROW = """
    INSERT INTO delivery_endpoint (tenant_id, id, url, registered_at, consecutive_failures, openings, last_failure)
    VALUES (%(owner)s, md5(%(owner)s::text || %(url)s)::uuid, %(url)s, now(), 0, 0, '')
"""
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted"


def in_order_of_ids(partner: Api) -> list[str]:
    found = as_owner(
        "SELECT url FROM unnest(%s::text[]) url ORDER BY md5(%s::text || url)::uuid", URLS, partner.tenant_id
    )
    return [url for (url,) in found]


def register(tenant_id: UUID, actor: str, provider: str, urls: Sequence[str]) -> None:
    try:
        with tenant_context(tenant_id, lock_ms=60_000):
            services.register(
                actor=actor,
                partner_id=tenant_id,
                provider=provider,
                display_name=provider,
                domain="",
                action_type_templates=[
                    {"name": f"action_{place}", "delivery_webhook": url} for place, url in enumerate(urls)
                ],
                event_mappings=[],
            )
    finally:
        connections.close_all()


def test_registering__the_same_addresses_in_another_order__waits_in_one_order(acme: Api) -> None:
    actor = acme.actor
    first, *_, last = urls = in_order_of_ids(acme)
    with (
        psycopg.connect(database_url("owner")) as holder,
        psycopg.connect(database_url("owner")) as other,
        ThreadPoolExecutor(2) as threads,
    ):
        holder.execute(ROW, {"owner": acme.tenant_id, "url": first})
        running = [
            threads.submit(register, acme.tenant_id, actor, provider, order)
            for provider, order in (("one", urls), ("two", urls[::-1]))
        ]
        deadline = time.monotonic() + 60
        while as_owner(WAITING)[0][0] < 2:
            assert time.monotonic() < deadline, "nobody waits for the first address"
            time.sleep(0.01)
        other.execute("SET lock_timeout = '5s'")
        other.execute(ROW, {"owner": acme.tenant_id, "url": last})  # which neither of them has yet
        other.rollback()
        holder.rollback()
        for each in running:
            each.result(timeout=60)

    found = as_owner("SELECT url FROM delivery_endpoint WHERE registered_at IS NOT NULL ORDER BY url")
    assert found == [(url,) for url in URLS]


def test_registering__of_whatever_statement__makes_a_row_of_each_address(acme: Api) -> None:
    """Registered, published and corrected, each address once; of the first revision, too."""
    shared, moved = "https://hooks.acme.example/a", "https://moved.acme.example/a"
    integration = acme.register(
        action_type_templates=[{"name": name, "delivery_webhook": shared} for name in ("one", "two")]
    )["id"]
    path = f"/api/partners/integrations/{integration}"
    known = [{"name": "one", "delivery_webhook": shared}, {"name": "three", "delivery_webhook": URLS[2]}]
    assert acme.post(f"{path}/revisions", {"action_type_templates": known}).status_code == 201
    origins = {"from_origin": "https://hooks.acme.example", "to_origin": "https://moved.acme.example"}
    assert acme.patch(f"{path}/webhooks", origins).status_code == 200

    found = as_owner("SELECT url FROM delivery_endpoint WHERE registered_at IS NOT NULL ORDER BY url")
    assert [url for (url,) in found] == sorted([shared, URLS[2], moved, URLS[2].replace("hooks", "moved")])
    revisions = as_owner("SELECT revision, name FROM integrations_revisiontemplate ORDER BY revision, position")
    assert revisions == [(1, "one"), (1, "two"), (2, "one"), (2, "three")]
