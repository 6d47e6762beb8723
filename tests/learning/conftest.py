"""Users to learn from, a merchant's outcomes, and customers whose outcomes are released."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from learning import services
from tenants.context import tenant_context
from tests.conftest import Api
from tests.learning.cast import BUDGET, CUSTOMERS, learn, noise

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


@pytest.fixture
def noiseless(settings: Any) -> Iterator[None]:
    """A large budget, and sums without noise: some 12 tenants are enough for patterns, which are always the same."""
    settings.PATTERNS_EPSILON = BUDGET
    with noise("0"):
        yield


@pytest.fixture
def customers(acme: Api) -> list[Api]:
    """Of acme: each knows both of its action types and doing nothing."""
    acme.register(domain="loyalty")
    found = [acme.provision(f"m{n}") for n in range(CUSTOMERS)]
    for n, customer in enumerate(found):
        learn(customer, n)
    return found
