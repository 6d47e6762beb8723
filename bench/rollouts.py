"""A roll-out to 10,000 customers and a sharing with all of them, by workers that are killed in the middle."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from django.db import connection, connections

from bench import report
from bench.server import DATABASE, database
from integrations import services as integrations
from integrations.revisions import services as revisions
from integrations.rollouts import services as rollouts
from integrations.rollouts import sharing
from tenants import services as tenants
from tenants.context import staff_context, tenant_context
from tenants.models import Tenant, TenantRole

CUSTOMERS = 10_000
ACTOR = "api_key:bench"
_PATIENCE = 600


def measure(seconds: float) -> list[report.Figure]:
    """One of each, whatever `seconds` says."""
    with database():
        partner, integration = _populate()
        with tenant_context(partner.id):
            begun = sharing.start(actor=ACTOR, partner_id=partner.id, integration_id=integration)
        shared = _run(partner, begun.id, "SELECT shared, finished_at IS NOT NULL FROM integrations_sharing")
        with tenant_context(partner.id):
            rollout = rollouts.start(
                actor=ACTOR,
                partner_id=partner.id,
                integration_id=integration,
                revision=2,
                to=rollouts.To(asked="all"),
                stages=[],
                guard={"max_failure_rate": 0.5, "min_actions": 100},
            )
        moved = _run(partner, rollout.id, "SELECT moved, finished_at IS NOT NULL FROM integrations_rollout")
        return [
            report.figure(f"share with {CUSTOMERS:,} customers, a worker killed", shared, "s", at_most=60),
            report.figure(f"roll-out to {CUSTOMERS:,} customers, a worker killed", moved, "s", at_most=60),
            report.figure("customers at one revision, the new one", _at(2), "customers", at_least=CUSTOMERS),
            report.figure("customers moved more than once", _moved_twice(), "customers", at_most=0),
        ]


def _populate() -> tuple[Tenant, Any]:
    with staff_context():
        partner, _ = tenants.create_partner(actor=ACTOR, name="Bench", slug="bench")
        Tenant.objects.bulk_create(
            (
                Tenant(name=f"Merchant {n}", slug=f"m-{n}", tenant_role=TenantRole.CUSTOMER, parent_id=partner.id)
                for n in range(CUSTOMERS)
            ),
            batch_size=1000,
        )
    templates = [
        {"name": f"action_{n}", "description": "First", "delivery_webhook": "https://hooks.bench.example/"}
        for n in range(5)
    ]
    with tenant_context(partner.id):
        integration, _ = integrations.register(
            actor=ACTOR,
            partner_id=partner.id,
            provider="bench",
            display_name="Bench",
            domain="",
            action_type_templates=templates,
            event_mappings=[],
        )
        revisions.publish(
            actor=ACTOR,
            partner_id=partner.id,
            integration_id=integration.id,
            action_type_templates=[{**template, "description": "Second"} for template in templates],
        )
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE")
    return partner, integration.id


def _run(partner: Tenant, id: str, progress: str) -> float:
    """Seconds until it is done, by a worker that is killed after a third and another one that is started then."""
    started = time.perf_counter()
    worker, killed = _worker(), False
    try:
        while time.perf_counter() < started + _PATIENCE:
            with tenant_context(partner.id), connection.cursor() as cursor:
                cursor.execute(f"{progress} WHERE id = %s", [id])
                done, is_over = cursor.fetchone()
            if is_over:
                return time.perf_counter() - started
            if not killed and done > CUSTOMERS / 3:
                worker.kill()
                worker.wait()
                worker, killed = _worker(), True
            time.sleep(0.1)
    finally:
        worker.kill()
        worker.wait()
    raise TimeoutError(f"not done in {_PATIENCE} seconds")


def _worker() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "manage.py", "worker"],
        cwd=Path(__file__).parent.parent,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "bench.settings", "BENCH_DATABASE": DATABASE},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _at(revision: int) -> int:
    return _count(
        "SELECT count(*) FROM integrations_integrationshare s WHERE s.revision = %s AND NOT EXISTS ("
        " SELECT FROM integrations_actiontype a WHERE a.tenant_id = s.tenant_id AND a.revision <> s.revision)",
        revision,
    )


def _moved_twice() -> int:
    return _count("SELECT count(*) FROM integrations_rolloutcustomer WHERE revision_before <> 1")


def _count(sql: str, *parameters: Any) -> int:
    with connections["owner"].cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return int(cursor.fetchone()[0])
