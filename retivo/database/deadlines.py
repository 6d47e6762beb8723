"""How long a process waits for the database, at the most: for a lock, for a statement, between two statements.

The server enforces the web's deadlines, which are defaults of the roles that log in, so they hold for whatever does
(`retivo.database.roles`). Workers and commands do more in a statement: they raise the deadlines in each transaction
(`tenants.context`). `retivo.database.backend` bounds the wait for a server that no longer answers at all.
"""

from dataclasses import dataclass

from django.conf import settings

from retivo import processes

# How much longer than a statement may take the client waits for its answer, in seconds.
GRACE = 2.0


@dataclass(frozen=True, kw_only=True)
class Deadlines:
    """In milliseconds, as PostgreSQL counts them."""

    lock: int
    statement: int
    idle_in_transaction: int

    @property
    def settings(self) -> dict[str, str]:
        """PostgreSQL's settings of these deadlines, by name."""
        return {
            "lock_timeout": f"{self.lock}ms",
            "statement_timeout": f"{self.statement}ms",
            "idle_in_transaction_session_timeout": f"{self.idle_in_transaction}ms",
        }


# Half-done work of a stopped web host holds a lock for at most `idle_in_transaction`.
WEB = Deadlines(lock=2_000, statement=5_000, idle_in_transaction=5_000)


def of_transactions() -> Deadlines | None:
    """What a transaction of this process sets; None where the role's defaults are right."""
    if not processes.is_background():
        return None
    lock, statement, idle = (int(float(part) * 1000) for part in settings.BACKGROUND_TIMEOUTS.split("/"))
    return Deadlines(lock=lock, statement=statement, idle_in_transaction=idle)
