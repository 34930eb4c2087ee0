"""Group commit: what several callers put at one moment costs one transaction, and one sync.

The commits of a database on one disk stand in line, each for a sync of its own; the next group
gathers while the last one is on its way (DeWitt et al., "Implementation techniques for main memory
database systems", SIGMOD 1984, section 5). Who puts alone does not wait for company; where there
was some a moment ago, a group gathers for GATHER_SECONDS, as with PostgreSQL's commit_delay.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy.exc import OperationalError

from luggage.jobs.model import NewJob, Put
from luggage.jobs.putting import Packed, packed
from luggage.jobs.queue import Queue

if TYPE_CHECKING:
    from sqlalchemy import Connection

# About as long as a commit takes: docs/performance.md has what it brings.
GATHER_SECONDS = 0.003
# More would make the first of them wait for the rows of the last.
LARGEST_GROUP = 64
# PostgreSQL's deadlock_detected: two groups met at the same keys, in another order.
_DEADLOCK = "40P01"

_Waiting = tuple[Packed, "Future[Put]"]


class GroupCommit:
    """Puts jobs into `queue` from one thread, in groups. Safe to share between threads.

    The thread, with a connection of its own, begins with the first put, so that a process may fork
    before it. A process ends only when all that was put is committed or has failed.
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
        self._called = False
        self._company = False
        self._connection: Connection | None = None

    def put(self, job: NewJob) -> "Future[Put]":
        """Return what will be what Queue.put returns, or raises, once the job is committed.

        Safe to repeat, as Queue.put is; never waits. Callbacks of the future run in the thread that
        commits.
        """
        future: Future[Put] = Future()
        # Packed here, because others wait while the thread has the database.
        self._waiting.append((packed([job])[0], future))
        with self._lock:
            called, self._called = self._called, True
        if not called:
            self._thread.submit(self._commit)
        return future

    def close(self) -> None:
        """Commit what was put, and let go of the thread; safe to repeat. No put may follow."""
        self._thread.shutdown()
        self._hang_up()

    def _commit(self) -> None:
        while self._has_waiting():
            if self._company:
                self._sleep(GATHER_SECONDS)
            self._commit_group(self._next)

    def _has_waiting(self) -> bool:
        with self._lock:
            self._called = False  # whoever puts from now on calls again
        return bool(self._waiting)

    def _next(self) -> list[_Waiting]:
        group = [self._waiting.popleft() for _ in range(min(len(self._waiting), LARGEST_GROUP))]
        self._company = len(group) > 1
        return group

    def _commit_group(self, members: Callable[[], list[_Waiting]]) -> None:
        """Commit those who are there once the database is free; while it is waited for, more come.

        Where it does not get free they have waited in vain.
        """
        group: list[_Waiting] = []

        def take() -> list[Packed]:
            group.extend(members())
            return [job for job, _ in group]

        try:
            puts = self._put(take)
        except Exception as error:  # noqa: BLE001  it is for those that wait
            self._excuse(group or members(), error)
        else:
            for (_, future), put in zip(group, puts, strict=True):
                future.set_result(put)

    def _excuse(self, group: list[_Waiting], error: Exception) -> None:
        if len(group) > 1 and _is_of_one(error):
            for alone in group:
                self._commit_group(partial(list, [alone]))
            return
        for _, future in group:
            future.set_exception(error)

    def _put(self, take: Callable[[], list[Packed]]) -> list[Put]:
        """Put jobs on the connection that is kept: to take one costs as much as to commit."""
        with ExitStack() as stack:
            stack.callback(self._hang_up)
            self._connection = self._connection or self._queue.connect()
            puts = self._queue.put_over(self._connection, take)
            stack.pop_all()
        return puts

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _is_of_one(error: Exception) -> bool:
    """Return whether a job of the group is at fault, and not the database, which is away."""
    sqlstate = getattr(getattr(error, "orig", None), "sqlstate", None)
    return not isinstance(error, OperationalError) or sqlstate == _DEADLOCK
