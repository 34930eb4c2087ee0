"""Lock notification: the end of a SQLite transaction wakes waiting writers in any process.

The notification is a byte in a FIFO next to the database. It is only a hint: a writer also retries
after STEP_SECONDS. SQLite itself would retry after pauses of up to 100 ms (docs/decisions/0121).
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
