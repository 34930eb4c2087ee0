"""PostgreSQL: an engine that notices what is gone, and lets nobody hold up the others for long."""

from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError

from luggage.database.history import SchemaError
from luggage.database.lock_timeout import BUSY_SECONDS

# So long a process may pause inside a transaction. One that was stopped there, or whose machine is
# gone, keeps what it has locked from all others, for hours; PostgreSQL ends its session instead.
PAUSE_SECONDS = 20.0
# The state of a session that was ended for this; the driver itself is loaded for PostgreSQL alone.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_IDLE_IN_TRANSACTION = "25P03"
# The state of a write to a standby, which a primary becomes when another takes over.
_READ_ONLY = "25006"

# A peer that vanished without a word (a half-open socket) is noticed within 15 s, not after TCP's
# hours.
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
_LIBPQ = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "15000",
    # Asked for at the start, because the first answers are read before anything can be set.
    "client_encoding": "utf8",
}

# What a session has to have; a server, a database or a role may have set anything else. What is not
# here is left as it is (docs/differences.md).
_SETTINGS = {
    # A migration, or a search by hand, may take longer than what suits all others.
    "statement_timeout": "0",
    "transaction_timeout": "0",
    # The pool keeps sessions that do nothing.
    "idle_session_timeout": "0",
    # The statements are written for it: one that met another's change reads again.
    "default_transaction_isolation": "'read committed'",
    # Errors are logged, and what a statement was given is nobody's to read there.
    "log_parameter_max_length_on_error": "0",
    # Times are floats, and come back as they were written.
    "extra_float_digits": "1",
    # A session keeps the plans that it made while a table was small, and those read it whole;
    # with a thousand jobs a claim took a third of a second, until the table was next analysed.
    # What has no index is read whole all the same.
    # https://www.postgresql.org/docs/current/sql-prepare.html#SQL-PREPARE-NOTES
    "enable_seqscan": "off",
    # Never the one without the other: the penalty makes plans look dear enough to be compiled,
    # which took a second for each claim (decision 0130).
    "jit": "off",
}
# The versions that these came with, of those that are supported.
_SINCE = {"idle_session_timeout": 140000, "transaction_timeout": 170000}
# A 202 promises that the delivery is on the disk. All other values wait for the disk, and
# remote_apply for a standby as well, so they are left alone.
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
        pool_timeout=BUSY_SECONDS,
        # A restarted server costs nobody an error: a dead connection is noticed and replaced first.
        pool_pre_ping=True,
        hide_parameters=True,
    )
    # Before SQLAlchemy's own first look at the server, which has these settings too.
    event.listen(engine, "connect", _prepare_postgresql, insert=True)
    event.listen(engine, "handle_error", _tell_of_lost_session, retval=True)
    return engine


def _prepare_postgresql(connection: Any, _record: object) -> None:
    """Set what the bot depends on, whatever the server, the database or the role has set."""
    _refuse_other_encodings(connection)
    settings = {
        **_SETTINGS,
        "lock_timeout": str(int(BUSY_SECONDS * 1000)),
        "idle_in_transaction_session_timeout": str(int(PAUSE_SECONDS * 1000)),
    }
    version = connection.info.server_version
    known = [name for name in settings if _SINCE.get(name, 0) <= version]
    # Not as libpq's "options": those may be in the address already, and poolers refuse them. In
    # one request, which is one transaction: a pooler sends all of it to one session of the server.
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


def _tell_of_lost_session(context: ExceptionContext) -> BaseException | None:
    """Tell of a session that can do nothing more as of any other connection that is lost."""
    lost = context.original_exception
    sqlstate = getattr(lost, "sqlstate", None)
    if sqlstate != _IDLE_IN_TRANSACTION and not (sqlstate == _READ_ONLY and _may_write(context)):
        return None
    context.is_disconnect = True
    return OperationalError(
        context.statement, None, lost, hide_parameters=True, connection_invalidated=True
    )


def _may_write(context: ExceptionContext) -> bool:
    """Return whether it was not this process that made the transaction read-only."""
    connection = context.connection
    return connection is not None and not connection.get_execution_options().get("read_only")
