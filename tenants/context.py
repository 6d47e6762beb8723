"""What the database lets a block of code see: one tenant's rows, or, for staff, all of them.

Each block is one durable transaction, because the setting and the role last exactly as long as the transaction does.
Contexts do not nest: releasing a savepoint would leave the inner tenant in force.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connection, transaction

from retivo.database import deadlines
from retivo.database.roles import STAFF


@contextmanager
def tenant_context(tenant_id: UUID, *, lock_ms: int | None = None) -> Iterator[None]:
    """One transaction that sees what an API key of `tenant_id` would see.

    Args:
        lock_ms: how long to wait for a lock, where that is not what this process has for all.
    """
    lock = {} if lock_ms is None else {"lock_timeout": f"{lock_ms}ms"}
    with _transaction({"retivo.tenant_id": str(tenant_id)}, lock):
        yield


@contextmanager
def staff_context() -> Iterator[None]:
    """One transaction that sees every tenant: for staff pages and commands, never for an API request."""
    with _transaction({"role": STAFF}):
        yield


@contextmanager
def _transaction(whose: dict[str, str], more: dict[str, str] | None = None) -> Iterator[None]:
    """A transaction with settings of its own, which go before the deadlines of this process."""
    of_transaction = deadlines.of_transactions()
    settings = whose | (of_transaction.settings if of_transaction else {}) | (more or {})
    calls = ", ".join(["set_config(%s, %s, true)"] * len(settings))
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {calls}", [each for item in settings.items() for each in item])
        yield
