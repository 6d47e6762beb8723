"""Django's PostgreSQL backend, which never hands out a pooled connection that the server has closed.

Django's own health check is a round trip a request; a closed socket shows itself without one.
"""

import select
from typing import Any

from django.db.backends.postgresql import base
from psycopg import Connection


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection[Any]:
        connection: Connection[Any] = super().get_new_connection(conn_params)
        while self.pool and _is_hung_up(connection):
            connection.close()
            self.pool.putconn(connection)
            connection = super().get_new_connection(conn_params)
        return connection


def _is_hung_up(connection: Connection[Any]) -> bool:
    """Whether an idle connection has something to read: then the server said goodbye."""
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    return bool(poller.poll(0))
