"""Engines and transactions for SQLite and PostgreSQL; knows no table of anyone.

Chosen: SQLAlchemy Core with explicit transactions. Against: an ORM (the states of a job are moved
by single statements, which should be seen), and SQLite's own idea of when a transaction begins (it
takes the write lock at the first write, and then answers "database is locked" at once, whatever the
busy timeout says).

Every transaction of a SQLite engine therefore begins with BEGIN IMMEDIATE, unless the connection
carries the execution option ``read_only=True``, as those of `reading` do.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, OperationalError

from luggage.database.checkpoints import Checkpoints
from luggage.database.turns import PassingConnection, Turns

# How long a transaction waits for another one's lock before it gives up, in seconds: GitHub hangs
# up after ten, and has to hear by then that its delivery could not be stored.
BUSY_SECONDS = 7.0
# The primary one of SQLite's result codes. https://www.sqlite.org/rescode.html#extrc
_PRIMARY_CODE = 0xFF
# So long a process may pause inside a transaction. One that was stopped there, or whose machine is
# gone, keeps what it has locked from all others, for hours; PostgreSQL ends its session instead.
PAUSE_SECONDS = 20.0
# How many pages (of 4 KiB) a file gives back in one transaction.
_SHRINK_PAGES = 256

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
}


class DatabaseUrlError(ValueError):
    """The address of the database cannot be used; the message says why, and shows no password."""


def open_engine(url: str, *, pool_size: int = 5) -> Engine:
    """Return an engine for ``sqlite:///PATH`` or for PostgreSQL; nothing is connected yet.

    ``postgres://`` and ``postgresql://`` mean psycopg 3. Each thread that uses the engine at the
    same moment needs one of `pool_size` connections; as many again are opened for a while when
    those are out. Raises DatabaseUrlError for anything else. Neither the engine's repr nor an error
    shows a password or a statement's parameters. May be called again; each call makes a pool of its
    own.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed, pool_size)
    return _open_postgresql(parsed, pool_size)


def _parse(url: str) -> URL:
    remedy = "use sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The cause is left out: it may quote the address, and with it the password.
        raise DatabaseUrlError(f"the database's address cannot be read; {remedy}") from None
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "postgresql+psycopg"):
        raise DatabaseUrlError(f"no database of the kind {parsed.drivername!r}; {remedy}")
    if parsed.drivername == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise DatabaseUrlError(
            f"a SQLite database in memory cannot be shared by processes; {remedy}"
        )
    return _hide_password(parsed)


def _hide_password(url: URL) -> URL:
    """Move ``?password=`` to where SQLAlchemy masks it."""
    password = url.query.get("password")
    if not isinstance(password, str):
        return url
    return url.difference_update_query(["password"]).set(password=password)


def _open_sqlite(url: URL, pool_size: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=BUSY_SECONDS,
        hide_parameters=True,
        connect_args={
            "timeout": BUSY_SECONDS,
            "isolation_level": None,
            "factory": PassingConnection,
        },
    )
    turns = Turns(Path(str(url.database)))
    event.listen(engine, "connect", lambda raw, _: setattr(raw, "turns", turns))
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", lambda connection: _begin_sqlite(connection, turns))
    event.listen(engine, "handle_error", _part_with_reader)
    event.listen(engine, "engine_disposed", lambda _: turns.close())
    Checkpoints(engine)
    return engine


def _part_with_reader(context: ExceptionContext) -> None:
    """Have a connection that cannot write replaced: made on a read-only disk, it stays so."""
    code = getattr(context.original_exception, "sqlite_errorcode", 0)
    if code & _PRIMARY_CODE == sqlite3.SQLITE_READONLY:
        context.is_disconnect = True


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # Only a new file can be told that it shall be able to shrink; any other would be written to.
    # https://www.sqlite.org/pragma.html#pragma_auto_vacuum
    if connection.execute("PRAGMA page_count").fetchone()[0] == 0:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL").close()
    # FULL: a commit is on the disk before it returns, also when the machine loses its power.
    # https://www.sqlite.org/pragma.html#pragma_synchronous
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "journal_size_limit = 67108864",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection, turns: Turns) -> None:
    options = connection.get_execution_options()
    _prepare_to(connection, read_only=bool(options.get("read_only")))
    if options.get("one_question"):
        return
    if options.get("read_only"):
        connection.exec_driver_sql("BEGIN")
        return
    give_up_at = time.monotonic() + options.get("patience_seconds", BUSY_SECONDS)
    while time.monotonic() < give_up_at:
        if _has_begun(connection):
            return
        turns.wait()
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises what SQLAlchemy makes of it


def _prepare_to(connection: Connection, *, read_only: bool) -> None:
    """Set what the driver's connection, which comes from a pool, may have been set to otherwise."""
    if connection.info.get("read_only") is not read_only:
        driver: Any = connection.connection.dbapi_connection
        driver.execute(f"PRAGMA query_only = {int(read_only)}").close()
        driver.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000) * read_only}").close()
        connection.info["read_only"] = read_only


def _has_begun(connection: Connection) -> bool:
    """Begin to write; return False where another does."""
    driver: Any = connection.connection.dbapi_connection
    try:
        driver.execute("BEGIN IMMEDIATE").close()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & _PRIMARY_CODE == sqlite3.SQLITE_BUSY:
            return False
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises what SQLAlchemy makes of it
    return True


def _open_postgresql(url: URL, pool_size: int) -> Engine:
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
    # Not as libpq's "options": those may be in the address already, and poolers refuse them.
    for name, value in (
        ("lock_timeout", int(BUSY_SECONDS * 1000)),
        ("idle_in_transaction_session_timeout", int(PAUSE_SECONDS * 1000)),
        # A session keeps the plans that it made while a table was small, and those read it whole;
        # with a thousand jobs a claim took a third of a second, until the table was next analysed.
        # What has no index is read whole all the same.
        # https://www.postgresql.org/docs/current/sql-prepare.html#SQL-PREPARE-NOTES
        ("enable_seqscan", "off"),
    ):
        connection.execute(f"SET {name} = {value}")
    connection.commit()


def _tell_of_ended_session(context: ExceptionContext) -> BaseException | None:
    """Tell of a session that was ended as of any other connection that is lost."""
    ended = context.original_exception
    if getattr(ended, "sqlstate", None) != _IDLE_IN_TRANSACTION:
        return None
    context.is_disconnect = True
    return OperationalError(
        context.statement, None, ended, hide_parameters=True, connection_invalidated=True
    )


def writing(engine: Engine) -> AbstractContextManager[Connection]:
    """Return a context: a connection in one transaction, which an exception rolls back.

    On SQLite the write lock is taken at the beginning, so that what was read is still true when it
    writes. Raises sqlalchemy.exc.OperationalError when the database is away, or locked for longer
    than BUSY_SECONDS.
    """
    return engine.begin()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection in one transaction that cannot write, and keeps no writer waiting.

    Raises sqlalchemy.exc.OperationalError (SQLite) or InternalError (PostgreSQL) at an attempt to
    write.
    """
    options = {"read_only": True}
    if engine.dialect.name == "postgresql":
        options["postgresql_readonly"] = True
    with engine.connect() as plain:
        connection = plain.execution_options(**options)
        with connection.begin():
            yield connection


@contextmanager
def asking(engine: Engine) -> Iterator[Connection]:
    """Give a connection for a single SELECT, which needs no transaction around it.

    What `reading` is for several that must agree; this is half the round trips, and for those who
    ask often. Nothing keeps it from writing on PostgreSQL. Raises sqlalchemy.exc.OperationalError
    when the database is away, and on SQLite at an attempt to write.
    """
    options: dict[str, Any] = {"read_only": True, "one_question": True}
    if engine.dialect.name == "postgresql":
        options["isolation_level"] = "AUTOCOMMIT"
    with engine.connect() as plain:
        yield plain.execution_options(**options)


def tidy(engine: Engine) -> None:
    """Shorten SQLite's log, and give back unused pages beyond a quarter of its file.

    What is kept unused is soon used again. PostgreSQL does this by itself (autovacuum): nothing is
    done. In small steps, so that nobody waits long; safe to repeat and to interrupt. Raises
    sqlalchemy.exc.DBAPIError when the database is away.
    """
    if engine.dialect.name != "sqlite":
        return
    with engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        # Whoever reads for longer than this is let be until the next time.
        raw.execute("PRAGMA busy_timeout = 1000").close()
        try:
            _shrink(raw)
        finally:
            connection.info.pop("read_only", None)  # to be set anew


def _shrink(raw: Any) -> None:
    def ask(pragma: str) -> int:
        rows = raw.execute(f"PRAGMA {pragma}").fetchall()
        # A pragma that only acts answers, from Python 3.13 on, with rows of nothing.
        return int(rows[0][0]) if rows and rows[0] else 0

    ask("query_only = 0")
    unused, all_pages = ask("freelist_count"), ask("page_count")
    while unused > max(all_pages // 4, _SHRINK_PAGES):
        ask(f"incremental_vacuum({_SHRINK_PAGES})")
        before, unused, all_pages = unused, ask("freelist_count"), ask("page_count")
        if unused >= before:  # a file made before files could shrink; its pages are used again
            break
    ask("wal_checkpoint(TRUNCATE)")
