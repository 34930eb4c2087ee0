"""SQLite's log, written back into its file by a thread of its own while others go on committing.

By itself SQLite has whoever commits do that, once the log has a thousand pages, and wait for two
syncs more. Where another process goes on committing the log is not empty after it, and the next
commit does the same again (docs/performance.md). https://www.sqlite.org/wal.html#ckpt
"""

import logging
import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import SQLAlchemyError

# So many commits of one process are written back together: of a busy web process some twenty MB.
COMMITS = 128
# A log of this size (64 MiB) is written back by whoever commits, should the thread not come to it.
LARGEST_LOG_PAGES = 16_384
# How long those who write may be kept waiting for those who read.
_PATIENCE_MS = 20

log = logging.getLogger(__name__)


class Checkpoints:
    """Writes the log of a SQLite engine back, each time that it has committed so often.

    The thread begins at the first time, so that a process may fork before it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._commits = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._last: Future[None] | None = None
        event.listen(engine, "connect", _leave_it)
        event.listen(engine, "commit", self._count)

    def _count(self, _connection: Connection) -> None:
        # Two threads that count at once may count one: it is written back a commit later.
        self._commits += 1
        if self._commits >= COMMITS and (self._last is None or self._last.done()):
            self._commits = 0
            with suppress(RuntimeError):  # the process ends: no thread begins any more
                self._last = self._thread.submit(self._write_back)

    def _write_back(self) -> None:
        try:
            with self._engine.connect() as connection:
                raw: Any = connection.connection.dbapi_connection
                raw.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}").close()
                connection.info.pop("read_only", None)  # to be set anew, and the timeout with it
                # The bulk, while others write; then what they have written meanwhile, while they
                # wait, so that the next of them begins the log anew.
                for mode in ("PASSIVE", "RESTART"):
                    raw.execute(f"PRAGMA wal_checkpoint({mode})").close()
        except (SQLAlchemyError, sqlite3.Error) as error:
            log.warning("the database's log could not be written back: %s", type(error).__name__)


def _leave_it(connection: Any, _record: object) -> None:
    connection.execute(f"PRAGMA wal_autocheckpoint = {LARGEST_LOG_PAGES}").close()
