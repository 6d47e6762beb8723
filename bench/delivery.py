"""One worker against a local receiver, and the least that could do the same: bare httpx over SKIP LOCKED, one table."""

import asyncio
import json
import logging
import subprocess
import sys
import time
from typing import Any

import httpx
import psycopg
from django.conf import settings
from django.db import connections

from bench import report
from bench.populate import populate
from bench.server import database
from delivery.worker.loop import PER_ENDPOINT, Worker, connection_parameters

ROUNDS = 3


def measure(seconds: float) -> list[report.Figure]:
    """`seconds` of a round at the speed that is the goal: so many actions are sent in each."""
    actions = max(300, int(seconds * 300))
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it has a line for each request
    settings.WEBHOOKS_MAY_USE_LOOPBACK_HTTP = True
    with database(), _Receiver() as url:
        populate(url, 0)
        ours, bare = 0.0, 0.0
        for _ in range(ROUNDS):
            ours += _ours(actions)
            bare += _bare(url, actions)
    ours, bare = ROUNDS * actions / ours, ROUNDS * actions / bare
    return [
        report.figure("actions delivered by one worker", ours, "1/s", at_least=300),
        report.figure("bare httpx and SKIP LOCKED", bare, "1/s"),
        report.figure("worker / bare loop", ours / bare, "×", at_least=0.5),
    ]


def _ours(actions: int) -> float:
    """Seconds from the first claim until the last status is committed."""
    owner = connections["owner"]
    with owner.cursor() as cursor:
        cursor.execute(_DUE, [actions])
        cursor.execute("ANALYZE delivery_action")
    started = time.perf_counter()
    asyncio.run(_until_sent())
    elapsed = time.perf_counter() - started
    with owner.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), extract(epoch FROM max(delivered_at))::float8 FROM delivery_action"
            " WHERE status = 'delivered' AND created_at = (SELECT max(created_at) FROM delivery_action)"
        )
        assert cursor.fetchone()[0] == actions
    return elapsed


async def _until_sent() -> None:
    worker = Worker()
    work = asyncio.create_task(worker.run())
    parameters = connection_parameters()
    async with await psycopg.AsyncConnection.connect(**_as_owner(parameters), autocommit=True) as watch:
        while True:
            found = await watch.execute(
                "SELECT 1 FROM delivery_action WHERE status IN ('pending', 'dispatched') LIMIT 1"
            )
            if await found.fetchone() is None:
                break
            await asyncio.sleep(0.01)
    worker.stop()
    await work


def _as_owner(parameters: dict[str, Any]) -> dict[str, Any]:
    return parameters | {"user": connections["owner"].settings_dict["USER"]}


def _bare(url: str, actions: int) -> float:
    """The same durability, attempts and concurrency; no tenants, leases, signatures, checks or fairness."""
    owner = _as_owner(connection_parameters())
    with psycopg.connect(**owner, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bare_attempt, bare_action")
        connection.execute("CREATE TABLE bare_action (id bigint PRIMARY KEY, parameters jsonb, status text)")
        connection.execute("CREATE TABLE bare_attempt (action_id bigint, status int, latency float8, response text)")
        connection.execute(
            "INSERT INTO bare_action SELECT n, '{}', 'pending' FROM generate_series(1, %s::int) n", [actions]
        )
        connection.execute("ANALYZE bare_action")
    started = time.perf_counter()
    asyncio.run(_bare_loop(owner, url))
    return time.perf_counter() - started


async def _bare_loop(owner: dict[str, Any], url: str) -> None:
    async with (
        await psycopg.AsyncConnection.connect(**owner) as connection,
        httpx.AsyncClient(trust_env=False, limits=httpx.Limits(max_connections=PER_ENDPOINT)) as client,
    ):

        async def send(id: int, parameters: Any) -> tuple[int, int, float, str]:
            begun = time.perf_counter()
            response = await client.post(url, content=json.dumps({"id": id, "parameters": parameters}))
            return id, response.status_code, time.perf_counter() - begun, response.text[:1024]

        while True:
            found = await connection.execute(
                "SELECT id, parameters FROM bare_action WHERE status = 'pending' ORDER BY id LIMIT %s"
                " FOR UPDATE SKIP LOCKED",
                [PER_ENDPOINT],
            )
            rows = await found.fetchall()
            if not rows:
                return
            answers = await asyncio.gather(*(send(*row) for row in rows))
            async with connection.cursor() as cursor:
                await cursor.executemany("INSERT INTO bare_attempt VALUES (%s, %s, %s, %s)", answers)
            ids = [answer[0] for answer in answers]
            await connection.execute("UPDATE bare_action SET status = 'delivered' WHERE id = ANY(%s)", [ids])
            await connection.commit()


class _Receiver:
    """In a process of its own, so that it does not share the worker's interpreter."""

    def __enter__(self) -> str:
        self._process = subprocess.Popen([sys.executable, "-m", "bench.receiver"], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        return f"http://127.0.0.1:{int(self._process.stdout.readline())}/"

    def __exit__(self, *exception: object) -> None:
        with self._process:
            self._process.terminate()


_DUE = """
    INSERT INTO delivery_action
        (tenant_id, id, action_type_id, action_type, provider, domain, user_id, parameters, status, due_at, attempts,
         replayed_from, failure_reason, expires_at)
    SELECT t.tenant_id, 'ea_' || replace(gen_random_uuid()::text, '-', ''), t.id, t.name, t.provider, '', 'u1',
           jsonb_build_object('amount', n), 'pending', now(), 0, 0, '', now() + interval '1 day'
      FROM integrations_actiontype t, generate_series(1, %s::int) n
"""
