"""Search for damage in a SQLite file, bounded in time; PostgreSQL watches its own files."""

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine

from luggage.database.file_errors import damaged, obstacle

# SQLite's virtual machine does some ten million instructions a second.
_INSTRUCTIONS_BETWEEN_LOOKS = 100_000
# A repeated check takes at most this part of the time, and is at least this many seconds old.
_SHARE = 0.01
_LEAST_SECONDS = 10.0


def quick_check(engine: Engine, *, seconds: float) -> str:
    """Return what is damaged, in one line with the remedy; "" for nothing that was found in time.

    An old SQLite searches the pages to the end, and only rows in time. A missing file has no
    damage. Changes nothing; safe to repeat while the bot runs.
    https://www.sqlite.org/pragma.html#pragma_quick_check
    """
    path = Path(str(engine.url.database))
    if engine.dialect.name != "sqlite" or not path.exists():
        return ""
    if problem := obstacle(path):
        return problem
    found = _search(path, time.monotonic() + seconds)
    return str(damaged(path, found)) if found else ""


def _search(path: Path, deadline: float) -> str:
    uri = f"{path.absolute().as_uri()}?mode=rw"
    try:
        # A connection of its own: those of the pool have read some pages before.
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            connection.set_progress_handler(
                lambda: time.monotonic() > deadline, _INSTRUCTIONS_BETWEEN_LOOKS
            )
            (result,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError:  # out of time, or in use; whoever uses it next sees an error
        return ""
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if result == "ok" else str(result).splitlines()[-1]


class DamageWatch:
    """A repeated quick check of one engine's file, for threads; it takes a hundredth of the time.

    Calling it returns what `quick_check` returned last.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        seconds: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._due_at: float | None = None
        self._found = ""

    def __call__(self) -> str:
        """Return the damage, or "" for none. Raises nothing of the database."""
        with self._lock:
            began_at = self._clock()
            if self._due_at is None or began_at >= self._due_at:
                self._found = quick_check(self._engine, seconds=self._seconds)
                took = self._clock() - began_at
                self._due_at = began_at + max(took / _SHARE, _LEAST_SECONDS)
            return self._found
