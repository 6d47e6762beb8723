"""Permits for requests: over several processes no more than the limit, as few statements as there may be."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import ProgrammingError, connection

from tenants.access import keys, permits
from tenants.context import tenant_context
from tenants.models import Scope
from tests.conftest import Api, Server, gunicorn
from tests.owner import as_owner
from tests.tenants.access.test_authentication import issue

SETTINGS = "/api/settings"


@contextmanager
def processes(folder: Path, **variables: str) -> Iterator[list[Server]]:
    """Two services, of two processes each, on the same database."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                gunicorn(
                    folder / f"log{n}", DJANGO_SETTINGS_MODULE="tests.server_settings", WEB_CONCURRENCY="2", **variables
                )
            )
            for n in range(2)
        ]


def test_limit__over_four_processes_and_two_keys__is_kept_exactly(merchant: Api, tmp_path: Path) -> None:
    """The same requests with the count of each process would be permitted to the last."""
    apis = [merchant, issue(merchant, scopes=[Scope.FULL])]

    with processes(tmp_path, TENANT_RATE_LIMIT="50/86400", RATE_LIMIT="1000/86400") as servers:

        def send(n: int) -> int:
            return servers[n % 2].send(apis[n // 2 % 2], "GET", SETTINGS).status_code

        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(send, range(80)))
        last = servers[0].send(merchant, "GET", SETTINGS)

    assert (statuses.count(200), statuses.count(429)) == (50, 30)
    assert last.headers["RateLimit"].startswith('"tenant";r=0;t=')


def test_left__of_requests_one_after_another__decreases_by_one_whichever_process_answers(
    merchant: Api, tmp_path: Path
) -> None:
    with processes(tmp_path, RATE_LIMIT="60000/86400") as servers:
        answers = []
        for n in range(12):
            answers.append(servers[n % 2].send(merchant, "GET", SETTINGS).headers)
            time.sleep(0.3)  # nobody sends many

    assert [each["RateLimit"].split(";")[1] for each in answers] == [f"r={59_999 - n}" for n in range(12)]


def spend(acme: Api, *, limit: int = 60_000, seconds: int = 86_400) -> tuple[bool, list[permits.Quota]]:
    (key_id,) = as_owner("SELECT id FROM tenants_apikey WHERE tenant_id = %s", acme.tenant_id)[0]
    found = permits.spend(
        keys.digest(acme.key), known=(acme.tenant_id, key_id), defaults=[(limit, seconds), (10 * limit, seconds)]
    )
    assert found is not None
    return found


def test_statements__of_many_requests__are_few(acme: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    take = permits._take

    def noted(*args: Any) -> Any:
        taken.append(args)
        return take(*args)

    monkeypatch.setattr(permits, "_take", noted)

    quotas = [spend(acme)[1] for _ in range(3000)]

    assert [each[0].remaining for each in quotas] == list(range(59_999, 56_999, -1))
    assert len(taken) < 60


def test_limit__near_its_end__is_reached_and_not_passed(acme: Api) -> None:
    permitted = [spend(acme, limit=450)[0] for _ in range(500)]

    assert permitted == [True] * 450 + [False] * 50


def test_permits__not_used__are_given_back(acme: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(200):
        spend(acme)
    monkeypatch.setattr(permits, "KEPT_SECONDS", 0.0)  # as if it were long ago
    spend(acme)

    ((taken,),) = as_owner("SELECT taken FROM tenants_permit WHERE id = %s", acme.tenant_id)
    assert taken == 201 + sum(held.left for held in [permits._held[acme.tenant_id]])


def test_window__that_is_over__begins_anew(acme: Api) -> None:
    assert [spend(acme, limit=2)[0] for _ in range(3)] == [True, True, False]
    as_owner("UPDATE tenants_permit SET ends_at = ends_at - interval '1 day'")
    permits._held.clear()

    assert [spend(acme, limit=2)[0] for _ in range(3)] == [True, True, False]


def test_sql__of_the_web__takes_permits_of_a_key_alone(acme: Api) -> None:
    def ask(sql: str, *parameters: Any) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return list(cursor.fetchall())

    assert ask("SELECT * FROM take_permits(%s, '{5,5}', '{60,60}', '{1,1}', '{0,0}', '{null,null}')", b"no key") == []
    for sql in ("SELECT * FROM tenants_permit", "DELETE FROM tenants_permit"):
        with pytest.raises(ProgrammingError, match="permission denied"):
            ask(sql)
    as_owner("UPDATE tenants_apikey SET revoked_at = now()")
    digest = keys.digest(acme.key)
    assert ask("SELECT * FROM take_permits(%s, '{5,5}', '{60,60}', '{1,1}', '{0,0}', '{null,null}')", digest) == []


def test_rate_limit__of_the_tenant_itself__is_refused_in_sql(acme: Api, merchant: Api) -> None:
    sql = 'UPDATE tenants_tenant SET rate_limit = \'{"requests": 9, "seconds": 1}\' WHERE id = %s'
    with pytest.raises(ProgrammingError, match="own plan"), tenant_context(merchant.tenant_id):
        connection.cursor().execute(sql, [merchant.tenant_id])
    with tenant_context(acme.tenant_id):
        connection.cursor().execute(sql, [merchant.tenant_id])
