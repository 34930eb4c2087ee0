"""Wake-ups for loops that wait for jobs, across threads, processes and machines.

A wake-up is a byte in a pipe: one `select` waits for it, for a FIFO and for PostgreSQL's socket at
once, and a signal handler may write it. A condition variable crosses no process, and setting one in
a signal handler can deadlock. A lost wake-up is harmless: every wait has a timeout.
"""

import errno
import os
import secrets
import select
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from luggage.database.postgresql import is_pooled

CHANNEL = "luggage_jobs"
# How long a job of another process waits where no wake-up crosses processes.
POLL_SECONDS = 1.0


class Wakeup(Protocol):
    """The waiting side, one for each loop."""

    def wait(self, timeout_seconds: float) -> None:
        """Return when woken, or after `timeout_seconds`; never raises for a lost connection."""

    def wake(self) -> None:
        """Wake the loop of this process; safe from any thread and in a signal handler."""

    def close(self) -> None:
        """Close files and connections; safe to repeat."""


class Waker(Protocol):
    """The waking side, called after a commit that may have made a job claimable."""

    def __call__(self) -> None:
        """Wake every waiting loop in any process; never raises, never blocks."""


def nobody() -> None:
    """Wake no loop: for a queue whose loops poll."""


def listener(engine: Engine, directory: Path) -> Wakeup:
    """Return the waiting side: a FIFO in `directory` (SQLite), or LISTEN (PostgreSQL).

    Behind a pooler in transaction mode, where nobody can listen, it polls.
    """
    if is_pooled(engine):
        return PollingWakeup()
    if engine.dialect.name == "postgresql":
        return PostgresqlWakeup(engine)
    return FifoWakeup(directory)


def notifier(engine: Engine, directory: Path) -> Waker:
    """Return the waking side for each `listener` with the same arguments, in any process."""
    if engine.dialect.name == "postgresql":
        return PostgresqlWaker(engine)
    return FifoWaker(directory)


class LocalWakeup:
    """A wake-up within one process: a pipe."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._closed = False

    def wait(self, timeout_seconds: float) -> None:
        """Return when woken, or after `timeout_seconds`."""
        self._select([self._read], timeout_seconds)

    def _select(self, sources: Sequence[int], timeout_seconds: float) -> list[int]:
        """Wait for one of these; return the readable ones, after draining the pipe."""
        readable, _, _ = select.select(sources, [], [], max(0.0, timeout_seconds))
        if self._read in readable:
            _drain(self._read)
        return readable

    def wake(self) -> None:
        """Wake the loop; a full pipe wakes it anyway, a closed pipe has no reader."""
        with suppress(OSError):
            os.write(self._write, b".")

    def close(self) -> None:
        """Close the pipe; safe to repeat."""
        if not self._closed:
            self._closed = True
            os.close(self._read)
            os.close(self._write)


def _drain(descriptor: int) -> None:
    with suppress(BlockingIOError):
        while os.read(descriptor, 4096):
            pass


class FifoWakeup(LocalWakeup):
    """A wake-up for the processes of one machine: a FIFO of its own in a directory."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._path = directory / name
        # Opened under a hidden name first: a waker removes a FIFO without a reader.
        hidden = directory / f".{name}"
        os.mkfifo(hidden, 0o600)
        # Opened for writing too, or it would stay at end-of-file once the first writer has left.
        self._fifo = os.open(hidden, os.O_RDWR | os.O_NONBLOCK)
        hidden.rename(self._path)

    def wait(self, timeout_seconds: float) -> None:
        """Return when woken by any process, or after `timeout_seconds`."""
        if self._fifo in self._select([self._read, self._fifo], timeout_seconds):
            _drain(self._fifo)

    def close(self) -> None:
        """Remove the FIFO; safe to repeat."""
        if not self._closed:
            self._path.unlink(missing_ok=True)
            os.close(self._fifo)
        super().close()


class FifoWaker:
    """Wakes every FIFO of a directory, and removes those whose reader has died.

    It leaves every other file of the directory as it is.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __call__(self) -> None:
        """Write a byte to each FIFO; a missing directory has no listener."""
        with suppress(OSError):
            for entry in os.scandir(self._directory):
                if not entry.name.startswith(".") and _is_fifo(entry):
                    _poke(entry.path)


def _is_fifo(entry: os.DirEntry[str]) -> bool:
    return stat.S_ISFIFO(entry.stat(follow_symlinks=False).st_mode)


def _poke(path: str) -> None:
    try:
        fifo = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ENXIO:
            with suppress(OSError):
                Path(path).unlink()
        return
    try:
        # Between the look and the opening, another file may have got the name.
        if stat.S_ISFIFO(os.fstat(fifo).st_mode):
            # A full FIFO wakes its reader anyway.
            with suppress(OSError):
                os.write(fifo, b".")
    finally:
        os.close(fifo)


class PollingWakeup(LocalWakeup):
    """A wake-up for the own process, and a look at the queue every POLL_SECONDS for all others."""

    def wait(self, timeout_seconds: float) -> None:
        """Return when woken by this process, or after the shorter of the two times."""
        super().wait(min(timeout_seconds, POLL_SECONDS))


class PostgresqlWakeup(LocalWakeup):
    """A wake-up for all machines: LISTEN, on a connection outside the pool."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine
        self._connection: Any = None
        # A raw connection raises the driver's own errors, the pool SQLAlchemy's.
        self._lost = (engine.dialect.loaded_dbapi.Error, SQLAlchemyError)

    def wait(self, timeout_seconds: float) -> None:
        """Return when woken by any process, after `timeout_seconds`, or when LISTEN begins."""
        if self._connection is None and self._listen():
            # Earlier notifications are lost, so the loop must look now.
            return
        if self._connection is None:
            self._select([self._read], timeout_seconds)
        else:
            self._wait_for_notification(timeout_seconds)

    def _listen(self) -> bool:
        try:
            pooled = self._engine.raw_connection()
            pooled.detach()
            self._connection = pooled.dbapi_connection
            self._connection.autocommit = True
            self._connection.execute(f"LISTEN {CHANNEL}")
        except self._lost:
            self._disconnect()
            return False
        return True

    def _wait_for_notification(self, timeout_seconds: float) -> None:
        try:
            socket = self._connection.fileno()
            if socket in self._select([self._read, socket], timeout_seconds):
                for _ in self._connection.notifies(timeout=0):
                    pass
        except self._lost:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        """Close the connection; safe to repeat."""
        self._disconnect()
        super().close()


class PostgresqlWaker:
    """Wakes every listener of the database, in a transaction after the commit.

    NOTIFY holds a lock of the whole database until its transaction ends. Inside the commit it would
    make all commits wait for each other's fsync.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __call__(self) -> None:
        """Send a notification; an error of the database is ignored."""
        with suppress(SQLAlchemyError), self._engine.begin() as connection:
            connection.execute(text(f"NOTIFY {CHANNEL}"))
