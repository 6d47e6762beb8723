"""Behind PgBouncer in transaction mode, as Debian 12 has it: 1.18, which loses prepared statements."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests import plain_http
from tests.conftest import Api, Server, gunicorn
from tests.pooler import PGBOUNCER, needs_pgbouncer, pgbouncer, version

pytestmark = needs_pgbouncer


@pytest.mark.parametrize("pool_size", ["1", "4"])
@pytest.mark.skipif(PGBOUNCER is not None and version() >= (1, 21), reason="this PgBouncer keeps them")
def test_requests__through_a_pooler_that_loses_prepared_statements__all_succeed(
    merchant: Api, tmp_path: Path, pool_size: str
) -> None:
    with pgbouncer(default_pool_size=pool_size) as url:
        log = tmp_path / "log"
        with gunicorn(log, DATABASE_URL=url, TENANT_SHARE_OF_THREADS="1") as server:
            with ThreadPoolExecutor(8) as threads:
                answers = list(threads.map(lambda n: track(server, merchant, n), range(200)))
            page = plain_http.get(f"{server.url}/api/customers", headers=headers(merchant), timeout=60)

    assert {answer.status_code for answer in answers} == {200}
    assert page.json()["total"] == 20
    assert "prepared_statements_off" in log.read_text()


def track(server: Server, api: Api, number: int) -> httpx.Response:
    """The answer, once the host has a thread for the tenant: until then it says 429 or 503."""
    body = {"events": [{"user_id": f"user-{number % 20}", "event": "opened", "idempotency_key": f"{number}"}]}
    deadline = time.monotonic() + 120
    while True:
        answer = plain_http.post(f"{server.url}/api/track", json=body, headers=headers(api), timeout=60)
        if answer.status_code not in {429, 503}:
            return answer
        assert time.monotonic() < deadline


def headers(api: Api) -> dict[str, str]:
    return {"Authorization": f"Bearer {api.key}"}
