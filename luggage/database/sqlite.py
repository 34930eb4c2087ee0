"""SQLite: one file, one writer at a time, and commits that survive a power failure.

The end of a transaction wakes waiting writers in any process: a byte in a FIFO next to the
database. It is only a hint: a writer also retries after STEP_SECONDS. SQLite itself would retry
after pauses of up to 100 ms. WAL checkpoints run in a background thread instead of in a commit.
docs/decisions/0121 has the reasons.
"""

import logging
import os
import select
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from luggage.database.file_errors import PRIMARY_CODE, explain, require_place
from luggage.database.lock_timeout import LOCK_TIMEOUT_SECONDS

SUFFIX = "-turn"
# Files of a database: itself, SQLite's journals, and the pipe of our lock notification.
SQLITE_SUFFIXES = ("", "-wal", "-shm", "-journal", SUFFIX)
# How long to wait for a hint: other programs give none.
STEP_SECONDS = 0.005
# The capacity of a FIFO. https://man7.org/linux/man-pages/man7/pipe.7.html
_FIFO_BYTES = 65_536


class LockNotification:
    """The FIFO of the database at `path`; without it, writers poll. Safe between threads."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + SUFFIX)
        self._opening = threading.Lock()
        self._is_open = False
        self._fifo: list[int] = []

    def wait(self) -> None:
        """Return when a transaction has ended, or after STEP_SECONDS."""
        self._open()
        poll = select.poll()  # unlike select, takes descriptors above 1023
        for fifo in self._fifo:
            poll.register(fifo, select.POLLIN)
        for fifo, _ in poll.poll(STEP_SECONDS * 1000):
            with suppress(BlockingIOError):  # another writer has read it
                os.read(fifo, _FIFO_BYTES)

    def notify(self) -> None:
        """Wake waiting writers; a full FIFO wakes them anyway."""
        self._open()
        for fifo in self._fifo:
            with suppress(BlockingIOError):
                os.write(fifo, b".")

    def close(self) -> None:
        """Close the FIFO, but keep its file; safe to repeat. A later call opens it again."""
        with self._opening:
            self._is_open = False
            while self._fifo:
                os.close(self._fifo.pop())

    def _open(self) -> None:
        if self._is_open:
            return
        with self._opening, suppress(OSError):
            if not self._is_open:
                self._is_open = True  # set first, so that a failure is not tried again
                with suppress(FileExistsError):
                    os.mkfifo(self._path, 0o600)
                self._fifo.append(os.open(self._path, os.O_RDWR | os.O_NONBLOCK))


class NotifyingConnection(sqlite3.Connection):
    """A connection that notifies waiting writers when it ends a transaction."""

    def __init__(self, *args: Any, notification: LockNotification, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._notification = notification

    def commit(self) -> None:
        """Commit, and notify."""
        self._end(super().commit)

    def rollback(self) -> None:
        """Roll back, and notify."""
        self._end(super().rollback)

    def _end(self, end: Callable[[], None]) -> None:
        was_in_transaction = self.in_transaction
        end()
        if was_in_transaction:
            self._notification.notify()


# Commits between checkpoints: about 20 MB of a busy web process.
COMMITS = 128
# If the thread falls behind, a commit checkpoints a log of this size (64 MiB).
LARGEST_LOG_PAGES = 16_384
# How long a checkpoint may block writers while it waits for readers.
_BUSY_TIMEOUT_MS = 20

log = logging.getLogger(__name__)


class Checkpoints:
    """Checkpoints a log after every COMMITS commits; its thread starts with the first one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._commits = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._last: Future[None] | None = None
        event.listen(engine, "connect", _raise_autocheckpoint)
        event.listen(engine, "commit", self._count)

    def _count(self, _connection: Connection) -> None:
        # A race between two threads may lose a count, which only delays the checkpoint.
        self._commits += 1
        if self._commits >= COMMITS and (self._last is None or self._last.done()):
            self._commits = 0
            with suppress(RuntimeError):  # at exit no new thread can start
                self._last = self._thread.submit(self._checkpoint)

    def _checkpoint(self) -> None:
        try:
            with self._engine.connect() as connection:
                raw: Any = connection.connection.dbapi_connection
                raw.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}").close()
                connection.info.pop("read_only", None)  # makes the next user set the timeout
                # PASSIVE writes most of the log while others commit. RESTART blocks them for the
                # rest, so that the next commit starts the log from its beginning.
                for mode in ("PASSIVE", "RESTART"):
                    raw.execute(f"PRAGMA wal_checkpoint({mode})").close()
        except (SQLAlchemyError, sqlite3.Error) as error:
            log.warning("the checkpoint of the database failed: %s", type(error).__name__)


def _raise_autocheckpoint(connection: Any, _record: object) -> None:
    connection.execute(f"PRAGMA wal_autocheckpoint = {LARGEST_LOG_PAGES}").close()


def open_sqlite(url: URL, pool_size: int) -> Engine:
    """Return an engine for such an address; see `luggage.database.open_engine`."""
    path = Path(str(url.database))
    notification = LockNotification(path)
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
    event.listen(engine, "do_connect", lambda *_: require_place(path))
    event.listen(engine, "handle_error", lambda context: explain(context, path), retval=True)
    event.listen(engine, "engine_disposed", lambda _: notification.close())
    Checkpoints(engine)
    return engine


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
        if error.sqlite_errorcode & PRIMARY_CODE == sqlite3.SQLITE_BUSY:
            return False
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises SQLAlchemy's error
    return True


# Pages (of 4 KiB) freed in one transaction.
_SHRINK_PAGES = 256


def tidy(engine: Engine) -> None:
    """Truncate SQLite's log, and free unused pages beyond a quarter of its file.

    The unused pages that stay are soon used again. Steps are small, so that writers do not wait
    long. On PostgreSQL it does nothing, because of autovacuum. Safe to repeat and to interrupt.
    Raises sqlalchemy.exc.DBAPIError when the database is away.
    """
    if engine.dialect.name != "sqlite":
        return
    with engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        # A longer read postpones the maintenance to the next time.
        raw.execute("PRAGMA busy_timeout = 1000").close()
        try:
            _shrink(raw)
        finally:
            connection.info.pop("read_only", None)  # makes the next user set the timeout


def _shrink(raw: Any) -> None:
    def pragma(words: str) -> int:
        rows = raw.execute(f"PRAGMA {words}").fetchall()
        # From Python 3.13 on, a pragma without a result returns empty rows.
        return int(rows[0][0]) if rows and rows[0] else 0

    pragma("query_only = 0")
    unused, all_pages = pragma("freelist_count"), pragma("page_count")
    while unused > max(all_pages // 4, _SHRINK_PAGES):
        pragma(f"incremental_vacuum({_SHRINK_PAGES})")
        before, unused, all_pages = unused, pragma("freelist_count"), pragma("page_count")
        if unused >= before:  # an old file without auto_vacuum cannot shrink
            break
    pragma("wal_checkpoint(TRUNCATE)")
