"""SQLite engine: transactions wait for the write lock, and commits are synced to the disk."""

import sqlite3
import time
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext

from luggage.database.lock_timeout import LOCK_TIMEOUT_SECONDS
from luggage.database.sqlite.checkpoints import Checkpoints
from luggage.database.sqlite.lock_notification import LockNotification, NotifyingConnection

# Mask for the primary result code. https://www.sqlite.org/rescode.html#extrc
_PRIMARY_CODE = 0xFF


def open_sqlite(url: URL, pool_size: int) -> Engine:
    """Return an engine for such an address; see `luggage.database.open_engine`."""
    notification = LockNotification(Path(str(url.database)))
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=LOCK_TIMEOUT_SECONDS,
        hide_parameters=True,
        connect_args={
            "timeout": LOCK_TIMEOUT_SECONDS,
            "isolation_level": None,
            "factory": partial(NotifyingConnection, notification=notification),
        },
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", lambda connection: _begin_sqlite(connection, notification))
    event.listen(engine, "handle_error", _replace_read_only)
    event.listen(engine, "engine_disposed", lambda _: notification.close())
    Checkpoints(engine)
    return engine


def _replace_read_only(context: ExceptionContext) -> None:
    """Replace a connection that was opened on a read-only disk: it stays read-only."""
    code = getattr(context.original_exception, "sqlite_errorcode", 0)
    if code & _PRIMARY_CODE == sqlite3.SQLITE_READONLY:
        context.is_disconnect = True


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # Takes effect in a new file only. https://www.sqlite.org/pragma.html#pragma_auto_vacuum
    if connection.execute("PRAGMA page_count").fetchone()[0] == 0:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL").close()
    # FULL: a commit survives a power failure once it returns.
    # https://www.sqlite.org/pragma.html#pragma_synchronous
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "journal_size_limit = 67108864",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection, notification: LockNotification) -> None:
    options = connection.get_execution_options()
    _set_mode(connection, read_only=bool(options.get("read_only")))
    if options.get("single_select"):
        return
    if options.get("read_only"):
        connection.exec_driver_sql("BEGIN")
        return
    deadline = time.monotonic() + options.get("lock_timeout_seconds", LOCK_TIMEOUT_SECONDS)
    while time.monotonic() < deadline:
        if _try_begin(connection):
            return
        notification.wait()
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises SQLAlchemy's error


def _set_mode(connection: Connection, *, read_only: bool) -> None:
    """Set the mode of a pooled connection, unless its last user set the same."""
    if connection.info.get("read_only") is not read_only:
        driver: Any = connection.connection.dbapi_connection
        busy_timeout_ms = int(LOCK_TIMEOUT_SECONDS * 1000) if read_only else 0
        driver.execute(f"PRAGMA query_only = {int(read_only)}").close()
        driver.execute(f"PRAGMA busy_timeout = {busy_timeout_ms}").close()
        connection.info["read_only"] = read_only


def _try_begin(connection: Connection) -> bool:
    """Begin a writing transaction; return False when another holds the write lock."""
    driver: Any = connection.connection.dbapi_connection
    try:
        driver.execute("BEGIN IMMEDIATE").close()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & _PRIMARY_CODE == sqlite3.SQLITE_BUSY:
            return False
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises SQLAlchemy's error
    return True
