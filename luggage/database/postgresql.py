"""PostgreSQL engine: detects lost connections and bounds how long a session holds locks."""

from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError

from luggage.database.history import SchemaError
from luggage.database.lock_timeout import LOCK_TIMEOUT_SECONDS

# How long a session may idle in a transaction. PostgreSQL then ends it: a stopped process or a lost
# machine would otherwise hold its locks for hours.
IDLE_IN_TRANSACTION_SECONDS = 20.0
# The SQLSTATE of a session that was ended for this; psycopg is only loaded for PostgreSQL.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_IDLE_IN_TRANSACTION = "25P03"
# The SQLSTATE of a write to a standby, which a primary becomes after a failover.
_READ_ONLY = "25006"

# A half-open connection is detected within 15 s instead of hours.
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
_LIBPQ = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "15000",
    # Part of the connection request, because the server's first messages precede any SET.
    "client_encoding": "utf8",
}

# Settings that the bot depends on, whatever the server, the database or the role has set
# (docs/differences.md). All others stay as they are.
_SETTINGS = {
    # Migrations and searches may take longer than a general limit.
    "statement_timeout": "0",
    "transaction_timeout": "0",
    # The pool keeps idle sessions.
    "idle_session_timeout": "0",
    # The statements rely on it: after waiting for a concurrent change they read the row again.
    "default_transaction_isolation": "'read committed'",
    # Errors are logged, and parameters must not be.
    "log_parameter_max_length_on_error": "0",
    # Times are floats and must be read back unchanged.
    "extra_float_digits": "1",
    # A session keeps plans made while a table was small, and those scan it (decision 0119).
    "enable_seqscan": "off",
    # Because of enable_seqscan: its cost penalty would make JIT compile each claim for a second
    # (decision 0130).
    "jit": "off",
}
# The first supported versions that have these settings.
_SINCE = {"idle_session_timeout": 140000, "transaction_timeout": 170000}
# A 202 promises that the delivery is on the disk. All values but "off" wait for the disk, and
# remote_apply also for a standby, so they stay.
_COMMIT_DURABLY = (
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') = 'off'"
)


def open_postgresql(url: URL, pool_size: int) -> Engine:
    """Return an engine for such an address; see `luggage.database.open_engine`."""
    engine = create_engine(
        url.update_query_dict({k: v for k, v in _LIBPQ.items() if k not in url.query}),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=LOCK_TIMEOUT_SECONDS,
        # Replaces dead connections first, so that a restart of the server causes no error.
        pool_pre_ping=True,
        hide_parameters=True,
    )
    # Runs before SQLAlchemy's first queries, so that they use these settings too.
    event.listen(engine, "connect", _prepare_postgresql, insert=True)
    event.listen(engine, "handle_error", _treat_as_disconnect, retval=True)
    return engine


def _prepare_postgresql(connection: Any, _record: object) -> None:
    _refuse_other_encodings(connection)
    settings = {
        **_SETTINGS,
        "lock_timeout": str(int(LOCK_TIMEOUT_SECONDS * 1000)),
        "idle_in_transaction_session_timeout": str(int(IDLE_IN_TRANSACTION_SECONDS * 1000)),
    }
    version = connection.info.server_version
    known = [name for name in settings if _SINCE.get(name, 0) <= version]
    # Not as libpq's "options": the address may have those already, and poolers refuse them. One
    # request is one transaction, which a pooler sends to one session of the server.
    connection.autocommit = True
    connection.execute(
        "; ".join([*(f"SET {name} = {settings[name]}" for name in known), _COMMIT_DURABLY])
    )
    connection.autocommit = False


def _refuse_other_encodings(connection: Any) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        name = connection.info.dbname
        connection.close()
        raise SchemaError(
            f"the database {name} stores text as {encoding}, which cannot hold "
            "everything that GitHub sends; create one with: "
            "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
        )


def _treat_as_disconnect(context: ExceptionContext) -> BaseException | None:
    """Treat an unusable session as a lost connection."""
    error = context.original_exception
    sqlstate = getattr(error, "sqlstate", None)
    if sqlstate != _IDLE_IN_TRANSACTION and not (sqlstate == _READ_ONLY and _may_write(context)):
        return None
    context.is_disconnect = True
    return OperationalError(
        context.statement, None, error, hide_parameters=True, connection_invalidated=True
    )


def _may_write(context: ExceptionContext) -> bool:
    """Return whether this process opened the transaction for writing."""
    connection = context.connection
    return connection is not None and not connection.get_execution_options().get("read_only")
