"""What a team would write itself: FastAPI, pydantic and asyncpg over three plain tables.

It checks keys by their digest and drops duplicate events. It has no isolation, no metering, no users, no limits.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import orjson
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, Field

TABLES = """
    CREATE TABLE peer_key (digest bytea PRIMARY KEY, tenant_id uuid NOT NULL, scopes text[] NOT NULL);
    CREATE TABLE peer_event (
        tenant_id uuid NOT NULL, user_id text NOT NULL, name text NOT NULL, timestamp timestamptz NOT NULL,
        received_at timestamptz NOT NULL DEFAULT now(), properties jsonb NOT NULL, idempotency_key text NOT NULL,
        PRIMARY KEY (tenant_id, idempotency_key)
    );
    CREATE TABLE peer_object (tenant_id uuid, id text, data jsonb NOT NULL, PRIMARY KEY (tenant_id, id));
"""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(min_size=4, max_size=8) as pool:  # the login is in PGUSER and its like
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


class Event(BaseModel):
    user_id: str = Field(min_length=1, max_length=255)
    event: str = Field(min_length=1, max_length=255)
    properties: dict[str, Any] = {}
    timestamp: datetime | None = None
    idempotency_key: str = Field(min_length=1, max_length=128)


class Batch(BaseModel):
    events: list[Event] = Field(max_length=100)


class Wanted(BaseModel):
    user_id: str = Field(min_length=1, max_length=255)


async def tenant(authorization: Annotated[str, Header()]) -> UUID:
    digest = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).digest()
    found = await app.state.pool.fetchrow("SELECT tenant_id, scopes FROM peer_key WHERE digest = $1", digest)
    if found is None:
        raise HTTPException(401)
    tenant_id: UUID = found["tenant_id"]
    return tenant_id


Tenant = Annotated[UUID, Depends(tenant)]


@app.post("/api/track")
async def track(batch: Batch, tenant_id: Tenant) -> dict[str, int]:
    now = datetime.now(UTC)
    status = await app.state.pool.execute(
        "INSERT INTO peer_event (tenant_id, user_id, name, timestamp, properties, idempotency_key)"
        " SELECT $1, * FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::text[]::jsonb[], $6::text[])"
        " ON CONFLICT DO NOTHING",
        tenant_id,
        [event.user_id for event in batch.events],
        [event.event for event in batch.events],
        [event.timestamp or now for event in batch.events],
        [orjson.dumps(event.properties).decode() for event in batch.events],
        [event.idempotency_key for event in batch.events],
    )
    stored = int(status.rpartition(" ")[2])
    return {"accepted": stored, "duplicates": len(batch.events) - stored}


@app.get("/api/partners/customers/{customer_id}")
async def get_customer(customer_id: str, tenant_id: Tenant) -> dict[str, Any]:
    return await _find(tenant_id, customer_id)


@app.post("/api/decisions/recommend")
async def recommend(wanted: Wanted, tenant_id: Tenant) -> dict[str, Any]:
    return await _find(tenant_id, wanted.user_id)


async def _find(tenant_id: UUID, object_id: str) -> dict[str, Any]:
    data = await app.state.pool.fetchval(
        "SELECT data FROM peer_object WHERE tenant_id = $1 AND id = $2", tenant_id, object_id
    )
    if data is None:
        raise HTTPException(404)
    found: dict[str, Any] = orjson.loads(data)
    return found
