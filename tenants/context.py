"""What the database lets a block of code see: one tenant's rows, or, for staff, all of them.

Each block is one durable transaction, because the setting and the role last exactly as long as the transaction does.
Contexts do not nest: releasing a savepoint would leave the inner tenant in force.

A request of the API has no use for these: `tenants.access.authentication` sets its context, and the role it logs in as
may set none itself.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from uuid import UUID

from django.db import connections, transaction

from retivo.database import deadlines, roles

# Makes one transaction that sees what a tenant may see.
Context = Callable[[], AbstractContextManager[None]]


@contextmanager
def tenant_context(tenant_id: UUID, *, lock_ms: int | None = None) -> Iterator[None]:
    """One transaction of a worker that sees what an API key of `tenant_id` would see.

    Args:
        lock_ms: how long to wait for a lock, where that is not what this process has for all.
    """
    lock = {} if lock_ms is None else {"lock_timeout": f"{lock_ms}ms"}
    with _transaction({"retivo.tenant_id": str(tenant_id)}, lock):
        yield


@contextmanager
def upkeep_context() -> Iterator[None]:
    """One transaction of a worker that finds the tenants that have work, and sees nothing else of them."""
    with _transaction({"role": roles.UPKEEP}):
        yield


@contextmanager
def staff_context() -> Iterator[None]:
    """One transaction that sees every tenant: for staff pages and commands, never for an API request."""
    with _logged_in("staff"), _transaction({"role": roles.STAFF}):
        yield


@contextmanager
def release_context() -> Iterator[None]:
    """One transaction that may release patterns, and nothing else."""
    with _logged_in("release"), _transaction({"role": roles.RELEASE}):
        yield


@contextmanager
def _logged_in(login: str) -> Iterator[None]:
    """This thread's `default` is meanwhile a connection of its own, of another login. It is closed at the end."""
    own = connections["default"]
    if connections.settings[login]["USER"] == own.settings_dict["USER"]:
        yield  # an installation with one URL
        return
    other = connections.create_connection(login)
    other.ensure_connection()
    other.execute_wrappers = own.execute_wrappers  # who watches this thread's statements watches these
    connections["default"] = other
    try:
        yield
    finally:
        connections["default"] = own
        other.close()


@contextmanager
def _transaction(whose: dict[str, str], more: dict[str, str] | None = None) -> Iterator[None]:
    """A transaction with settings of its own, which go before the deadlines of this process."""
    of_transaction = deadlines.of_transactions()
    settings = whose | (of_transaction.settings if of_transaction else {}) | (more or {})
    calls = ", ".join(["set_config(%s, %s, true)"] * len(settings))
    with transaction.atomic(durable=True):
        with connections["default"].cursor() as cursor:
            cursor.execute(f"SELECT {calls}", [each for item in settings.items() for each in item])
        yield
