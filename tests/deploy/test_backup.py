"""The drill of docs/operations.md: its commands back up a database and restore it in another."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection, connections

from integrations.models import PartnerIntegration
from retivo import encryption
from retivo.database import embedded_postgres
from tenants.context import tenant_context
from tests.conftest import REPOSITORY, Api, database_url, service_environment
from tests.deploy.releases import database
from tests.retivo.database.test_sql import CATALOGUE

BLOCKS = re.findall(r"^```sh\n# (\w+)\n(.*?)^```$", (REPOSITORY / "docs/operations.md").read_text(), re.M | re.S)

pytestmark = pytest.mark.skipif(not embedded_postgres.is_configured(), reason="PostgreSQL's programs are not at hand")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for the dump."""
    return tmp_path


def run(block: str, folder: Path) -> None:
    """A block of commands of the page, with the programs in the path and the variables that it names."""
    programs = embedded_postgres.programs()
    name = connections["owner"].settings_dict["NAME"]
    variables = {
        "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "SUPERUSER_URL": embedded_postgres.superuser_conninfo(embedded_postgres.data_dir(), database=name),
        "PYTHONPATH": str(REPOSITORY),
    }
    commands = dict(BLOCKS)[block].replace("manage.py", f"{REPOSITORY}/manage.py")
    done = subprocess.run(
        ["bash", "-euxo", "pipefail"],
        input=commands,
        cwd=folder,
        env=service_environment(**variables),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout


def catalogue() -> list[list[str]]:
    """Functions, triggers, policies and grants, without parentheses: what is read again has fewer of them."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(CATALOGUE)
        return [[re.sub(r"[()]", "", str(column)) for column in row] for row in cursor.fetchall()]


@contextmanager
def restored(folder: Path, worker_id: str) -> Iterator[None]:
    with database(f"test_retivo_restored_{worker_id}"):
        run("restore", folder)
        yield


def test_backup__restored_elsewhere__is_the_same_with_policies_grants_keys_and_secrets(
    acme: Api, rival: Api, folder: Path, worker_id: str
) -> None:
    integration = acme.register()
    shop = acme.provision("shop")
    event = {"user_id": "ada", "event": "order.completed", "idempotency_key": "order-1"}
    assert shop.post("/api/track", {"events": [event]}).json()["accepted"] == 1
    before = catalogue()
    run("backup", folder)

    with restored(folder, worker_id):
        assert catalogue() == before
        # An idempotency key is known, and the API key that sends it.
        again = shop.post("/api/track", {"events": [event, {**event, "idempotency_key": "order-2"}]})
        assert again.json() == {"accepted": 1, "duplicates": 1, "rejected": []}
        assert shop.get("/api/customers/ada").json()["customer"]["id"] == "ada"
        # Secrets can be read.
        with tenant_context(acme.tenant_id):
            (kept,) = PartnerIntegration.objects.filter(id=integration["id"])
        assert encryption.decrypt(bytes(kept.encrypted_webhook_secret)).decode() == integration["webhook_secret"]
        # Row-level security holds: nothing without a context, and nothing of others with one.
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM tenants_tenant")
            assert cursor.fetchone() == (0,)
        assert rival.get("/api/partners/customers").json()["customers"] == []
        assert acme.get("/api/partners/customers").json()["customers"][0]["slug"] == "shop"


def test_backup__as_the_runtime_role__is_refused(acme: Api, folder: Path) -> None:
    command = dict(BLOCKS)["backup"].replace("$DATABASE_OWNER_URL", database_url("default"))
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=os.environ | {"PATH": f"{embedded_postgres.programs()}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert "permission denied" in done.stderr
