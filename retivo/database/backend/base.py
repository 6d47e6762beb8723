"""Django's PostgreSQL backend: no round trip for health, waits that end, a schema editor that can be interrupted.

An outage is always an OperationalError, whatever psycopg makes of it.
"""

import math
from functools import partial
from typing import Any

import structlog
from django.db import OperationalError
from django.db.backends.postgresql import base
from django.db.backends.utils import CursorWrapper
from django.db.utils import DatabaseErrorWrapper
from django.utils.functional import cached_property
from psycopg import IsolationLevel as Isolation
from psycopg import errors

from retivo.database import deadlines, startup
from retivo.database.backend.schema import DatabaseSchemaEditor
from retivo.database.backend.waiting import BoundedConnection, Silence, is_hung_up
from retivo.metrics import measures

log = structlog.get_logger("retivo.database")

# What PostgreSQL says of a session or a server, and not of the statement that hears it. psycopg puts these under
# InternalError and ProgrammingError.
_OUTAGES = (
    errors.IdleInTransactionSessionTimeout,
    errors.TransactionTimeout,
    errors.ReadOnlySqlTransaction,  # a primary that has become a standby
)
# A pooler gave the statement to a session that does not know it, or knows another by its name.
_LOST_STATEMENT = (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement)

_SILENCE = Silence()  # of the server behind all logins; the owner's connection is for commands, which may wait


class DatabaseWrapper(base.DatabaseWrapper):
    SchemaEditorClass = DatabaseSchemaEditor
    connection: BoundedConnection
    _kept_cursor: CursorWrapper | None = None

    def get_new_connection(self, conn_params: dict[str, Any]) -> BoundedConnection:
        """Without Django's pool and its isolation levels, which this project has no use for."""
        self.isolation_level = Isolation.READ_COMMITTED
        if self.alias == "owner":
            return startup.first(partial(BoundedConnection.connect, **conn_params))
        connection = startup.first(lambda: self._connect(conn_params))
        if startup.must_not_prepare(lambda: self._connect(conn_params)):
            self.do_not_prepare()
            connection.prepare_threshold = None
        return connection

    def _connect(self, conn_params: dict[str, Any]) -> BoundedConnection:
        def connect(seconds: float) -> BoundedConnection:
            return BoundedConnection.connect(**{**conn_params, "connect_timeout": math.ceil(seconds)})

        connection = _SILENCE.wait(connect, float(conn_params["connect_timeout"]))
        connection.silence = _SILENCE
        connection.patience = float(conn_params["connect_timeout"])
        return connection

    def init_connection_state(self) -> None:
        super().init_connection_state()
        if self.alias != "owner":
            self.connection.patience = self._patience()

    def _patience(self) -> float | None:
        """Seconds after which the server must have ended any statement of this connection; None where it never does."""
        with self.cursor() as cursor:
            cursor.execute("SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'")
            (milliseconds,) = cursor.fetchone()
        if of_transactions := deadlines.of_transactions():
            milliseconds = max(milliseconds, of_transactions.statement)
        return milliseconds / 1000 + deadlines.GRACE if milliseconds else None

    def kept_cursor(self) -> CursorWrapper:
        """A cursor that is made once a connection, and knows by then how each type is written and read.

        For one statement, whose rows are fetched before anyone else executes the next.
        """
        self.close_if_health_check_failed()
        self.ensure_connection()
        if self._kept_cursor is None or self._kept_cursor.cursor.connection is not self.connection:
            with self.wrap_database_errors:
                self._kept_cursor = self._prepare_cursor(self.create_cursor())  # type: ignore[attr-defined]  # the stubs lack it
        return self._kept_cursor

    def do_not_prepare(self) -> None:
        """From now on no connection of this process prepares statements: the settings are all threads'."""
        log.warning("prepared_statements_off", reason="the pooler does not keep them: see docs/configuration.md")
        self.settings_dict["OPTIONS"]["prepare_threshold"] = None

    @cached_property
    def wrap_database_errors(self) -> "_ErrorWrapper":
        return _ErrorWrapper(self)

    def is_usable(self) -> bool:
        """Whether the server still listens: asked once a request of a connection that was kept.

        Django would send a query. A server that went away has closed the socket, and that can be seen from here.
        """
        return not self.connection.closed and not is_hung_up(self.connection)

    def _commit(self) -> None:
        with measures.waiting():
            super()._commit()  # type: ignore[misc]  # the stubs lack it


class _ErrorWrapper(DatabaseErrorWrapper):
    """Makes an outage an OperationalError, whichever class psycopg has for it."""

    wrapper: DatabaseWrapper

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        if isinstance(exc_value, _OUTAGES + _LOST_STATEMENT):
            self.wrapper.errors_occurred = True
            if isinstance(exc_value, _LOST_STATEMENT):
                self.wrapper.do_not_prepare()
                self.wrapper.connection.pgconn.finish()
            raise OperationalError(*exc_value.args).with_traceback(traceback) from exc_value
        super().__exit__(exc_type, exc_value, traceback)
