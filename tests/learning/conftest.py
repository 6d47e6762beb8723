"""Users to learn from, and a merchant's outcomes."""

from collections.abc import Callable
from typing import Any

import pytest

from learning import services
from tenants.context import tenant_context
from tests.conftest import Api

Record = Callable[..., bool]


@pytest.fixture
def record(merchant: Api) -> Record:
    """Record an outcome of one of the merchant's users, u0 to u9, in a transaction of its own."""
    merchant.post("/api/track", {"events": [{"user_id": f"u{n}", "event": "e"} for n in range(10)]})

    def record(decision_id: str, **fields: Any) -> bool:
        given = {"user_id": "u0", "action": "nothing", "features": {"bias": 1.0}} | fields
        with tenant_context(merchant.tenant_id):
            return services.record(tenant_id=merchant.tenant_id, decision_id=decision_id, **given)

    return record
