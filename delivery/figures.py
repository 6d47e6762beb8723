"""What waits to be sent, over all tenants, for metrics: sums alone, asked outside any tenant's context."""

from dataclasses import dataclass

from retivo.database.reading import Connection

# What `delivery_backlog` tells apart.
STATES = ("due", "blocked", "held", "leased")


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """How many actions are in a state with a status, and for how many seconds the oldest has been due, if it is."""

    state: str
    status: str
    actions: int
    oldest_seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """How many have an open circuit, and how many are disabled because they answered 410."""

    open: int
    disabled: int


def backlog(connection: Connection) -> list[Backlog]:
    rows = connection.execute("SELECT state, status, actions, oldest_seconds FROM delivery_backlog()").fetchall()
    return [
        Backlog(state=state, status=status, actions=actions, oldest_seconds=oldest)
        for state, status, actions, oldest in rows
    ]


def endpoints(connection: Connection) -> Endpoints:
    opened, disabled = connection.execute("SELECT open, disabled FROM unwell_endpoints()").fetchall()[0]
    return Endpoints(open=opened, disabled=disabled)
