"""Waiting for SQLite's write lock: who ends a transaction tells those who wait, in any process.

SQLite itself looks again after pauses that grow to 100 ms. Chosen: a byte in a FIFO beside the
database. It is a hint only: who is woken tries, and who is not tries after some milliseconds.
Against: trying each half millisecond, for which a thread needs the interpreter each time
(docs/performance.md); and a lock on a file, which has no time-out.
"""

import os
import select
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

SUFFIX = "-turn"
# So long is waited for a hint: other programs give none.
STEP_SECONDS = 0.005
# As many hints as a FIFO holds. https://man7.org/linux/man-pages/man7/pipe.7.html
_FULL = 65_536


class LockNotification:
    """The hints of the database at `path`, which all who write to it share.

    The FIFO is made when it is first needed; where none can be made, each waits for its next try.
    Safe to share between threads.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + SUFFIX)
        self._opening = threading.Lock()
        self._is_open = False
        self._fifo: list[int] = []

    def wait(self) -> None:
        """Return when somebody has ended a transaction, or after STEP_SECONDS."""
        self._open()
        poll = select.poll()  # takes any descriptor, as select does not
        for fifo in self._fifo:
            poll.register(fifo, select.POLLIN)
        for fifo, _ in poll.poll(STEP_SECONDS * 1000):
            with suppress(BlockingIOError):  # another has read it
                os.read(fifo, _FULL)

    def pass_on(self) -> None:
        """Wake those who wait; a full FIFO wakes them anyway."""
        self._open()
        for fifo in self._fifo:
            with suppress(BlockingIOError):
                os.write(fifo, b".")

    def close(self) -> None:
        """Let go of the FIFO, which stays for others; safe to repeat, and to go on afterwards."""
        with self._opening:
            self._is_open = False
            while self._fifo:
                os.close(self._fifo.pop())

    def _open(self) -> None:
        if self._is_open:
            return
        with self._opening, suppress(OSError):
            if not self._is_open:
                self._is_open = True  # it is tried once
                with suppress(FileExistsError):
                    os.mkfifo(self._path, 0o600)
                self._fifo.append(os.open(self._path, os.O_RDWR | os.O_NONBLOCK))


class PassingConnection(sqlite3.Connection):
    """A connection that passes the turn on when it ends a transaction."""

    def __init__(self, *args: Any, turns: LockNotification, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._turns = turns

    def commit(self) -> None:
        """Commit, as any connection does."""
        self._end(super().commit)

    def rollback(self) -> None:
        """Roll back, as any connection does."""
        self._end(super().rollback)

    def _end(self, end: Callable[[], None]) -> None:
        has_begun = self.in_transaction
        end()
        if has_begun:
            self._turns.pass_on()
