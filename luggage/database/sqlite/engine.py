"""SQLite: an engine whose transactions wait for one another, and whose commits are on the disk."""

import sqlite3
import time
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext

from luggage.database.lock_timeout import BUSY_SECONDS
from luggage.database.sqlite.checkpoints import Checkpoints
from luggage.database.sqlite.lock_notification import LockNotification, PassingConnection

# The primary one of SQLite's result codes. https://www.sqlite.org/rescode.html#extrc
_PRIMARY_CODE = 0xFF


def open_sqlite(url: URL, pool_size: int) -> Engine:
    """Return an engine for such an address; see `luggage.database.open_engine`."""
    turns = LockNotification(Path(str(url.database)))
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=BUSY_SECONDS,
        hide_parameters=True,
        connect_args={
            "timeout": BUSY_SECONDS,
            "isolation_level": None,
            "factory": partial(PassingConnection, turns=turns),
        },
    )
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


def _begin_sqlite(connection: Connection, turns: LockNotification) -> None:
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
