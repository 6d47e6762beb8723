"""Django's PostgreSQL backend, whose health check costs no round trip."""

import select
from typing import Any

from django.db.backends.postgresql import base
from psycopg import Connection


class DatabaseWrapper(base.DatabaseWrapper):
    connection: Connection[Any]

    def is_usable(self) -> bool:
        """Whether the server still listens: asked once a request of a connection that was kept.

        Django would send a query. A server that went away has closed the socket, and that can be seen from here.
        """
        return not self.connection.closed and not _is_hung_up(self.connection)


def _is_hung_up(connection: Connection[Any]) -> bool:
    """Whether an idle connection has something to read: then the server said goodbye."""
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    return bool(poller.poll(0))
