"""WAL checkpoints in a background thread, instead of in a commit (docs/decisions/0121)."""

import logging
import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import SQLAlchemyError

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
