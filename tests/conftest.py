"""A real database and a real server for the tests, and the cast: `acme`, its merchant, and `rival`.

Tables are made and migrated as the owner; the server runs as the web, everything else as a worker. Each request commits
as it does in production, so no tenant context survives it; what a test wrote is deleted afterwards.
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.test import Client

from retivo.database import embedded_postgres, roles
from retivo.sight import exposition, probes
from tenants.access import keys
from tenants.context import staff_context
from tenants.models import ApiKey
from tests import plain_http
from tests.factories import CustomerBody, IntegrationBody, PartnerFactory
from tests.ports import free_port

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    # The tests start some hundred processes: each would compile the code anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    embedded_postgres.start_if_configured()
    # The tests' own process does the worker's part, and has the web's deadlines.
    settings.DATABASES["default"] |= {name: settings.DATABASES["worker"][name] for name in ("USER", "PASSWORD")}
    # The tests' own process has as many threads as a test wants.
    settings.TENANT_THREADS = settings.PARTNER_THREADS = settings.UNKNOWN_KEYS_THREADS = 1000
    settings.STAFF_THREADS = settings.OPEN_PAGES_THREADS = 1000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long first, then those of the most tests: a worker that began one last would go on alone."""
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.get_closest_marker("long") is None, -tests[item.path]))


# --- Database -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any, worker_id: str) -> Iterator[None]:
    _let_owner_delete()
    name = f"test_retivo_{worker_id}"
    with django_db_blocker.unblock():
        owner = connections["owner"]
        with owner.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name}")
            cursor.execute(f"CREATE DATABASE {name}")
        home = owner.settings_dict["NAME"]
        _use_database(name)
        call_command("migrate", verbosity=0)
        _clear()
        yield
        probes._state.close()
        exposition._reading.close()
        _use_database(home)
        with owner.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name}")
        connections.close_all()


@pytest.fixture(autouse=True)
def _database(request: pytest.FixtureRequest) -> Iterator[None]:
    """Clean tables after every test; no database at all for those marked `no_database`."""
    if request.node.get_closest_marker("no_database"):
        yield
        return
    request.getfixturevalue("django_db_setup")
    with request.getfixturevalue("django_db_blocker").unblock():
        yield
        connections["default"].close()
        if "kept_rows" not in request.fixturenames:
            _clear()


@pytest.fixture(scope="module")
def kept_rows(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """For a scene that takes long to make and that all tests of a file only read: tables are cleaned after the last."""
    with django_db_blocker.unblock():
        yield
        connections["default"].close()
        _clear()


_LARGE = 2**20  # bytes


def _clear() -> None:
    """Empty all tables, as if they had just been made.

    To truncate tables, with all that refer to them, takes longer than most tests; to delete a few rows, milliseconds.
    """
    with connections["owner"].cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in _tables()))
        filled = [name for (name,) in cursor.fetchall()]
        cursor.execute(
            "SELECT sum(pg_relation_size(part)) FROM unnest(%s::regclass[]) name,"
            " LATERAL (SELECT name AS part UNION SELECT relid FROM pg_partition_tree(name)) parts",
            [filled],
        )
        if cursor.fetchone()[0] > _LARGE:
            cursor.execute(f"TRUNCATE {', '.join(filled)} RESTART IDENTITY CASCADE")
        else:
            # Without triggers: some keep rows from being deleted, and those of foreign keys want an order.
            cursor.execute("SET session_replication_role = replica")
            # The locks wait for what a server that was asked by the test still writes.
            deletes = "; ".join(f"DELETE FROM {name}" for name in filled)
            cursor.execute(f"BEGIN; LOCK TABLE {', '.join(filled)}; {deletes}; COMMIT")
            cursor.execute("SET session_replication_role = origin")
            cursor.execute(
                "SELECT setval(objid::regclass, 1, false) FROM pg_depend WHERE refobjid = ANY(%s::regclass[])"
                " AND classid = 'pg_class'::regclass AND deptype IN ('a', 'i')"
                " AND objid IN (SELECT seqrelid FROM pg_sequence)",
                [filled],
            )
        cursor.execute("INSERT INTO tenants_audithead VALUES (1, 0, decode(repeat('00', 32), 'hex'))")


def _let_owner_delete() -> None:
    """`_clear` leaves triggers aside, which only a superuser lets the owner do."""
    if embedded_postgres.is_configured():
        conninfo = embedded_postgres.superuser_conninfo(embedded_postgres.data_dir())
        with psycopg.connect(conninfo, autocommit=True) as cluster:
            # Two processes of tests that grant it at once would be told "tuple concurrently updated".
            cluster.execute("SELECT pg_advisory_lock(hashtext('tests.let_owner_delete'))")
            cluster.execute(f"GRANT SET ON PARAMETER session_replication_role TO {embedded_postgres.OWNER}")


def _use_database(name: str) -> None:
    for alias in ("default", "owner"):
        connections[alias].close()
    for database in connections.settings.values():
        database["NAME"] = name


@cache
def _tables() -> list[str]:
    kept = {
        "retivo_seal",
        "django_migrations",
        "django_content_type",
        "auth_permission",
        "auth_group",
        "auth_group_permissions",
    }
    return [name for name in connections["owner"].introspection.table_names() if name not in kept]


def database_url(alias: str) -> str:
    """The connection of `alias` as another process would be told it."""
    return _url(connections.settings[alias])


def all_in_one() -> dict[str, Any]:
    """The connection of an installation with one URL, whose role has the rights of all: of the release before, too."""
    config = dict(connections.settings["web"])
    return config | {"USER": roles.ALL_IN_ONE} if config["USER"] == roles.WEB else config


def all_in_one_url() -> str:
    """That connection as another process would be told it."""
    return _url(all_in_one())


def _url(config: dict[str, Any]) -> str:
    host = config["HOST"] or config["OPTIONS"].get("host", "")
    credentials = quote(config["USER"]) + (f":{quote(config['PASSWORD'])}" if config["PASSWORD"] else "")
    if host.startswith("/"):
        return f"postgres://{credentials}@/{config['NAME']}?host={quote(host)}"
    return f"postgres://{credentials}@{host}:{config['PORT'] or 5432}/{config['NAME']}"


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """The SQL that the test sends as the runtime role, BEGIN and COMMIT aside; `clear()` starts anew.

    Without permits for requests, which are taken now and then: `tests/tenants/access/test_permits.py` counts these.
    """
    sent: list[str] = []

    def note(execute: Any, sql: str, *args: Any) -> Any:
        if "take_permits" not in sql:
            sent.append(sql)
        return execute(sql, *args)

    connections["default"].ensure_connection()
    with connections["default"].execute_wrapper(note):
        yield sent


# --- Server ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    url: str
    log: Path

    def send(self, api: "Api", method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Over HTTP, so that many may be sent at once.

        As clients do, it sends again what the process had no thread for: that changed nothing.
        """
        deadline = time.monotonic() + 120
        while True:
            answer = plain_http.request(method, self.url + path, json=body, headers=api.headers(headers), timeout=60)
            if answer.status_code != 503 or answer.json()["code"] != "overloaded":
                return answer
            assert time.monotonic() < deadline, "the server had no thread for two minutes"
            time.sleep(0.1)


@pytest.fixture(scope="session")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Gunicorn as production runs it, on the test database; `server_settings` has what differs."""
    log = tmp_path_factory.mktemp("server") / "log"
    with gunicorn(log, DJANGO_SETTINGS_MODULE="tests.server_settings") as server:
        yield server


def service_environment(**variables: str) -> dict[str, str]:
    """What a process of the service, on the test database, is told by its environment."""
    logins = {f"DATABASE_{alias.upper()}_URL": database_url(alias) for alias in ("worker", "staff", "release", "owner")}
    if "DATABASE_URL" in variables:  # one for all of them
        logins = {"DATABASE_OWNER_URL": logins["DATABASE_OWNER_URL"]}
    return os.environ | {
        "DATABASE_URL": database_url("web"),
        **logins,
        "RETIVO_DEVELOPMENT": "1",
        "SECRET_KEY": settings.SECRET_KEY,
        "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
        **variables,
    }


@contextmanager
def gunicorn(log: Path, **variables: str) -> Iterator[Server]:
    """A gunicorn that answers, and is stopped afterwards."""
    port, environment = free_port(), service_environment(**variables)
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "-b", f"127.0.0.1:{port}", "retivo.wsgi"]
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=output, stderr=output)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(f"{url}/api/health", process, log)
        yield Server(url, log)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    pytest.fail(f"the server did not start:\n{log.read_text()[-2000:]}")


# --- Cast -----------------------------------------------------------------------------------------------------------


_client = Client(raise_request_exception=False)


@dataclass(frozen=True)
class Api:
    """An API key in use. Answers are Django's test responses; `.json()` reads them."""

    tenant_id: UUID
    key: str

    @property
    def actor(self) -> str:
        """As audit entries name it."""
        with staff_context():
            return f"api_key:{ApiKey.objects.get(digest=keys.digest(self.key)).id}"

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Any:
        return _client.get(path, query, headers=self.headers(headers), RAW_URI=path)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """`body` goes as it is where it is bytes, as JSON otherwise. Underscores in header names become hyphens."""
        return self.send("POST", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("PATCH", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("PUT", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return _client.delete(path, headers=self.headers(headers), RAW_URI=path)

    def send(self, method: str, path: str, body: Any, **headers: str) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body)
        return _client.generic(
            method, path, data, content_type="application/json", headers=self.headers(headers), RAW_URI=path
        )

    def headers(self, more: dict[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return {"Authorization": f"Bearer {self.key}", **named}

    def provision(self, slug: str, **fields: Any) -> "Api":
        response = self.post("/api/partners/customers", CustomerBody(slug=slug, **fields))
        assert response.status_code == 201, response.content
        customer = response.json()["customer"]
        return Api(UUID(customer["tenant_id"]), customer["api_key"])

    def register(self, provider: str = "acme-loyalty", **fields: Any) -> dict[str, Any]:
        response = self.post("/api/partners/integrations", IntegrationBody(provider=provider, **fields))
        assert response.status_code == 201, response.content
        integration: dict[str, Any] = response.json()["integration"]
        return integration


def make_partner(name: str) -> Api:
    partner, key = PartnerFactory(name=name)
    return Api(partner.id, key.text)


@pytest.fixture
def acme() -> Api:
    """A partner."""
    return make_partner("Acme")


@pytest.fixture
def rival() -> Api:
    """Another partner."""
    return make_partner("Rival")


@pytest.fixture
def merchant(acme: Api) -> Api:
    """A customer of acme."""
    return acme.provision("merchant")


# --- Staff ----------------------------------------------------------------------------------------------------------


def _log_in(name: str, *, group: str) -> Client:
    from tests.tenants.staff.people import log_in  # late: it imports the cast above

    return log_in(name, group=group)


@pytest.fixture
def viewer() -> Client:
    return _log_in("vera", group="viewer")


@pytest.fixture
def operator() -> Client:
    return _log_in("oscar", group="operator")


@pytest.fixture
def superuser() -> Client:
    """By group, not by flag: the group has to hold everything."""
    return _log_in("susan", group="superuser")
