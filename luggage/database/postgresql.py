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

# What a session has to have; a server, a database or a role may have set anything else. The
# settings that a version does not know are left out. docs/differences.md says what is left as it is.
_SETTINGS = {
    "lock_timeout": str(int(BUSY_SECONDS * 1000)),
    "idle_in_transaction_session_timeout": str(int(PAUSE_SECONDS * 1000)),
    # A migration, or a search by hand, may take longer than a short one for everybody.
    "statement_timeout": "0",
    "transaction_timeout": "0",
    # The pool keeps what is idle.
    "idle_session_timeout": "0",
    # The statements are written for it: what meets another's change reads again.
    "default_transaction_isolation": "read committed",
    # A 202 promises that it is on the disk. Weaker than "on" and still that are local and
    # remote_write, stronger is remote_apply: those stay.
    "synchronous_commit": "on",
    # Times are floats, and come back as they were written.
    "extra_float_digits": "1",
    # A session keeps the plans that it made while a table was small, and those read it whole;
    # with a thousand jobs a claim took a third of a second, until the table was next analysed.
    # What has no index is read whole all the same.
    # https://www.postgresql.org/docs/current/sql-prepare.html#SQL-PREPARE-NOTES
    "enable_seqscan": "off",
    # Never the one without the other: the penalty makes plans look dear enough to be compiled.
    # Each claim then took a second (decision 0130).
    "jit": "off",
}
# One statement, one transaction: a pooler sends all of it to one session of the server.
_SET = """
SELECT set_config(name, wanted, false)
FROM unnest(%s::text[], %s::text[]) AS ours (name, wanted) JOIN pg_settings USING (name)
WHERE name <> 'synchronous_commit' OR setting = 'off'
"""


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
    event.listen(engine, "connect", _prepare_postgresql)
    event.listen(engine, "handle_error", _tell_of_ended_session, retval=True)
    return engine


def _prepare_postgresql(connection: Any, _record: object) -> None:
    """Set what the bot depends on, whatever the server, the database or the role has set."""
    _refuse_other_encodings(connection)
    # Not as libpq's "options": those may be in the address already, and poolers refuse them.
    connection.execute(_SET, [list(_SETTINGS), list(_SETTINGS.values())])
    connection.commit()


def _refuse_other_encodings(connection: Any) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise SchemaError(
            f"the database {connection.info.dbname} stores text as {encoding}, which cannot hold "
            "everything that GitHub sends; create one with: "
            "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
        )


def _tell_of_ended_session(context: ExceptionContext) -> BaseException | None:
    """Tell of a session that was ended as of any other connection that is lost."""
    ended = context.original_exception
    if getattr(ended, "sqlstate", None) != _IDLE_IN_TRANSACTION:
        return None
    context.is_disconnect = True
    return OperationalError(
        context.statement, None, ended, hide_parameters=True, connection_invalidated=True
    )
