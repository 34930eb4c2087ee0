"""PostgreSQL engine: detects lost connections and bounds how long a session holds locks.

A pooler in transaction mode gives each transaction of a client another session of the server. So
with `pool_mode=transaction` in the address, each transaction brings its settings with it, and no
statement is prepared. docs/decisions/0205 has the reasons.
"""

from contextlib import closing
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
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
    "SELECT set_config('synchronous_commit', 'on', {is_local})"
    " WHERE current_setting('synchronous_commit') = 'off'"
)


# PgBouncer's name for how it lends its connections, and the values that work.
# https://www.pgbouncer.org/config.html#pool_mode
POOL_MODE = "pool_mode"
POOL_MODES = ("session", "transaction")
# Settings that only a session can have.
_OF_SESSIONS = ("idle_session_timeout", "default_transaction_isolation")
_SESSION_TRIES = 3


def open_postgresql(url: URL, pool_size: int) -> Engine:
    """Return an engine for such an address; see `luggage.database.open_engine`."""
    is_pooled = url.query.get(POOL_MODE) == "transaction"
    address = url.difference_update_query([POOL_MODE])
    engine = create_engine(
        address.update_query_dict({k: v for k, v in _LIBPQ.items() if k not in url.query}),
        # A prepared statement belongs to one session of the server.
        connect_args={"prepare_threshold": None} if is_pooled else {},
        execution_options={POOL_MODE: "transaction" if is_pooled else "session"},
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=LOCK_TIMEOUT_SECONDS,
        # Replaces dead connections first, so that a restart of the server causes no error.
        pool_pre_ping=True,
        hide_parameters=True,
    )
    # These run before SQLAlchemy's first queries, the last one first.
    if is_pooled:
        event.listen(engine, "begin", _prepare_transaction)
    else:
        event.listen(engine, "connect", _prepare_session, insert=True)
    event.listen(engine, "connect", _refuse_other_encodings, insert=True)
    event.listen(engine, "handle_error", _treat_as_disconnect, retval=True)
    return engine


def is_pooled(engine: Engine) -> bool:
    """Return whether the address says that a pooler in transaction mode is in between."""
    return engine.get_execution_options().get(POOL_MODE) == "transaction"


def shares_sessions(engine: Engine) -> bool:
    """Return whether a pooler gives two connections of this engine one session of the server.

    It asks on connections of its own, which it leaves as they were. Raises the driver's errors.
    """
    arguments, options = engine.dialect.create_connect_args(engine.url)
    options["prepare_threshold"] = None
    with (
        closing(engine.dialect.connect(*arguments, **options)) as one,
        closing(engine.dialect.connect(*arguments, **options)) as other,
    ):
        one.autocommit = other.autocommit = True
        return any(_session(one) == _session(other) for _ in range(_SESSION_TRIES))


def _session(connection: Any) -> int:
    return int(connection.execute("SELECT pg_backend_pid()").fetchone()[0])


def _prepare_session(connection: Any, _record: object) -> None:
    settings = _settings(connection)
    # Not as libpq's "options": the address may have those already, and poolers refuse them.
    words = [*(f"SET {name} = {value}" for name, value in settings.items())]
    connection.autocommit = True
    connection.execute("; ".join([*words, _COMMIT_DURABLY.format(is_local="false")])).close()
    connection.autocommit = False


def _prepare_transaction(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    if driver.autocommit:
        return  # a single SELECT
    settings = _settings(driver)
    words = [f"SET LOCAL {name} = {settings[name]}" for name in settings.keys() - _OF_SESSIONS]
    words.insert(0, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    driver.execute("; ".join([*words, _COMMIT_DURABLY.format(is_local="true")])).close()


def _settings(connection: Any) -> dict[str, str]:
    version = connection.info.server_version
    settings = {
        **_SETTINGS,
        "lock_timeout": str(int(LOCK_TIMEOUT_SECONDS * 1000)),
        "idle_in_transaction_session_timeout": str(int(IDLE_IN_TRANSACTION_SECONDS * 1000)),
    }
    return {name: settings[name] for name in settings if _SINCE.get(name, 0) <= version}


def _refuse_other_encodings(connection: Any, _record: object) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        name = connection.info.dbname
        connection.close()
        raise SchemaError(
            f"the database {name} stores text as {encoding}, which cannot hold "
            "everything that GitHub sends; set DATABASE_URL to one that you make with: "
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
