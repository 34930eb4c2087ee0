"""Group commit: jobs that callers put at the same moment share one transaction and one sync.

While one group commits, the next one gathers (DeWitt et al., "Implementation techniques for main
memory database systems", SIGMOD 1984, section 5). A single put commits at once; after a group of
several, the next one gathers for GATHER_SECONDS. docs/decisions/0110 says why.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, OperationalError

from luggage.jobs.inserts import Packed, packed
from luggage.jobs.model import NewJob, Put
from luggage.jobs.queue import Queue

if TYPE_CHECKING:
    from sqlalchemy import Connection

# About as long as a commit takes; docs/performance.md has the gain.
GATHER_SECONDS = 0.003
# In a larger group the first put would wait for the rows of the last.
LARGEST_GROUP = 64
# PostgreSQL's deadlock_detected: two groups met at the same keys, in another order.
_DEADLOCK = "40P01"

_Waiting = tuple[Packed, "Future[Put]"]


class GroupCommit:
    """Puts jobs into `queue` from one thread, in groups. Safe to share between threads.

    The first put starts the thread, so that a process may fork before it. The process does not end
    before every put is committed or has failed.
    """

    def __init__(
        self,
        queue: Queue,
        *,
        sleep: Callable[[float], None] = time.sleep,  # noqa: TID251 -- the default only
    ) -> None:
        self._queue = queue
        self._sleep = sleep
        self._waiting: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._lock = threading.Lock()
        self._is_scheduled = False
        self._is_busy = False
        self._connection: Connection | None = None

    def put(self, job: NewJob) -> "Future[Put]":
        """Return a future of what Queue.put returns or raises. Never waits.

        Safe to repeat, as Queue.put is. Callbacks of the future run in the committing thread.
        """
        future: Future[Put] = Future()
        # Packed here, because others wait while the thread has the database.
        self._waiting.append((packed([job])[0], future))
        with self._lock:
            is_scheduled, self._is_scheduled = self._is_scheduled, True
        if not is_scheduled:
            self._thread.submit(self._commit)
        return future

    def close(self) -> None:
        """Commit what was put, and end the thread; safe to repeat. No put may follow."""
        self._thread.shutdown()
        self._disconnect()

    def _commit(self) -> None:
        while self._has_waiting():
            if self._is_busy:
                self._sleep(GATHER_SECONDS)
            self._commit_group(self._next_group)

    def _has_waiting(self) -> bool:
        with self._lock:
            self._is_scheduled = False  # a put from now on schedules the next commit
        return bool(self._waiting)

    def _next_group(self) -> list[_Waiting]:
        group = [self._waiting.popleft() for _ in range(min(len(self._waiting), LARGEST_GROUP))]
        self._is_busy = len(group) > 1
        return group

    def _commit_group(self, next_group: Callable[[], list[_Waiting]]) -> None:
        """Commit the puts that have arrived once the lock is free; if it times out, all fail."""
        group: list[_Waiting] = []

        def take() -> list[Packed]:
            group.extend(() if group else next_group())
            return [job for job, _ in group]

        try:
            puts = self._put(take)
        except Exception as error:  # noqa: BLE001  the futures raise it
            self._fail(group or next_group(), error)
        else:
            for (_, future), put in zip(group, puts, strict=True):
                future.set_result(put)

    def _fail(self, group: list[_Waiting], error: Exception) -> None:
        if len(group) > 1 and _is_fault_of_one(error):
            for waiting in group:
                self._commit_group(partial(list, [waiting]))
            return
        for _, future in group:
            future.set_exception(error)

    def _put(self, take: Callable[[], list[Packed]]) -> list[Put]:
        """Put jobs; again on a new connection if the server has closed the one that was kept."""
        is_kept = self._connection is not None
        try:
            return self._put_over(take)
        except DBAPIError as error:
            if not (is_kept and error.connection_invalidated):
                raise
        return self._put_over(take)  # safe to repeat, even after a commit without an answer

    def _put_over(self, take: Callable[[], list[Packed]]) -> list[Put]:
        """Put jobs on a connection that stays open: checking one out costs as much as a commit."""
        with ExitStack() as stack:
            stack.callback(self._disconnect)
            self._connection = self._connection or self._queue.connect()
            puts = self._queue.put_over(self._connection, take)
            stack.pop_all()
        return puts

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _is_fault_of_one(error: Exception) -> bool:
    """Return whether one job of the group caused the error, rather than the database."""
    sqlstate = getattr(getattr(error, "orig", None), "sqlstate", None)
    return not isinstance(error, OperationalError) or sqlstate == _DEADLOCK
