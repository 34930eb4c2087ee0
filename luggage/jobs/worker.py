"""Worker: one loop that claims jobs, and a pool of threads that call the handlers.

The loop alone talks to the queue (claims, results, heartbeats, reclaims), for many jobs in one
transaction. The threads are daemons: those of concurrent.futures are joined at exit, so one handler
that never returns would keep the process from ending. asyncio does not fit, because handlers block.
"""

import logging
import math
import os
import secrets
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from queue import SimpleQueue
from typing import NoReturn

from luggage.jobs.claims import Room
from luggage.jobs.handling import AWAY, Handling, away_backoff
from luggage.jobs.model import Handler, Job, JobsError, LeaseLost
from luggage.jobs.outcomes import Transition
from luggage.jobs.queue import Queue
from luggage.jobs.wake import Wakeup

_log = logging.getLogger(__name__)

# The longest delay that a lost wake-up can cause.
POLL_SECONDS = 30.0
# A shorter job is over before the loop could claim the next one. For each such job the loop claims
# one more ahead, up to MAX_AHEAD.
QUICK_SECONDS = 0.02
MAX_AHEAD = 28
# A job that takes longer probably waits for something. It is twice the time of an evaluation; and
# where all jobs wait, 500 start in a second, which is as many as one interpreter evaluates.
ALONE_SECONDS = 0.002
# A job claimed ahead is given back if no thread has begun it after this many seconds: the jobs
# before it are slow, and the next claim may find others more urgent.
AHEAD_SECONDS = 1.0
# How long a result waits at most for the next claim, to be recorded with others.
_RECORD_SECONDS = 0.05


class Stuck(JobsError):  # noqa: N818
    """A handler did not return in time. A thread cannot be killed, so the process must end."""


@dataclass
class _Running:
    """A claimed job that waits for a thread, is being handled, or has a transition to record."""

    job: Job
    claimed_at: float
    begun_at: float | None = None
    transition: Transition | None = None
    quick: bool = False
    abandoned: bool = False


class Handoff:
    """A first-in, first-out queue that lets each job run alone for up to `alone_seconds`.

    Threads share the interpreter: four of them got less done than one (docs/decisions/0118).
    """

    def __init__(self, alone_seconds: float) -> None:
        self._alone_seconds = alone_seconds
        self._items: SimpleQueue[_Running | None] = SimpleQueue()
        self._next_in_line = threading.Lock()
        self._newest: _Running | None = None
        self._free = threading.Event()
        self._free.set()

    def put(self, item: _Running | None) -> None:
        """Add an item; None tells one thread to end."""
        self._items.put(item)

    def empty(self) -> bool:
        """Return whether there is nothing to take at the moment."""
        return self._items.empty()

    def take(self) -> _Running | None:
        """Wait until the newest item is over or its time is up, then for an item; return it."""
        with self._next_in_line:
            self._free.wait(self._alone_seconds)
            item = self._items.get()
            if item is not None:
                self._newest = item
                self._free.clear()
        return item

    def over(self, item: _Running) -> None:
        """Let the next thread start, if it still waits for this item."""
        if item is self._newest:
            self._free.set()


class Worker:
    """Handles the jobs of some queues; `handlers` has one handler for each queue.

    `run` searches the queues in the mapping's order, but starts each claim with another queue, so
    that a flood in one does not starve the others.

    `threads` handlers run concurrently, but each runs alone for its first `alone_seconds`, so that
    short jobs run one after the other. The loop claims no more jobs than there are free threads,
    and some ahead while jobs are quick. One tenant gets all threads but one while others may come
    (docs/decisions/0162).

    A lease lasts `lease_seconds` and is renewed after a third of that. A lease is not renewed for a
    handler that runs for `limit_seconds`: `run` raises Stuck, the supervisor restarts the process,
    and the job is retried until its attempts are spent.

    `context` makes the context in which a job is handled and logged. `on_heartbeat` is called every
    `heartbeat_seconds`, then `on_idle` with the seconds for which there was nothing to do. `clock`
    returns epoch seconds, `random` numbers from 0 up to 1.
    """

    def __init__(  # noqa: PLR0913  # all of them are settings, named at the call
        self,
        queue: Queue,
        handlers: Mapping[str, Handler],
        *,
        threads: int,
        lease_seconds: float,
        wakeup: Wakeup,
        clock: Callable[[], float],
        random: Callable[[], float],
        context: Callable[[Job], AbstractContextManager[object]] = nullcontext,
        on_heartbeat: Callable[[], object] = lambda: None,
        heartbeat_seconds: float = 5.0,
        on_idle: Callable[[float], object] = lambda _seconds: None,
        shutdown_timeout_seconds: float = 20.0,
        limit_seconds: float = 600.0,
        alone_seconds: float = ALONE_SECONDS,
        name: str | None = None,
    ) -> None:
        self._queue = queue
        self._queues = list(handlers)
        self._threads = threads
        self._lease_seconds = lease_seconds
        self._wakeup = wakeup
        self._clock = clock
        self._random = random
        self._context = context
        self._on_heartbeat = on_heartbeat
        self._heartbeat_seconds = heartbeat_seconds
        self._on_idle = on_idle
        self._shutdown_timeout_seconds = shutdown_timeout_seconds
        self._limit_seconds = limit_seconds
        self.name = name or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self.idle_since: float | None = None
        self._stopping = False
        self._handling = Handling(queue, handlers, clock, random, context)
        self._inbox: Handoff = Handoff(alone_seconds)
        # The lock guards _running: threads remove their jobs, the loop adds and iterates.
        self._lock = threading.Lock()
        self._running: dict[int, _Running] = {}
        self._due: dict[str, float] = {}
        self._failures = 0

    def stop(self) -> None:
        """Make `run` finish its jobs and return; safe in a signal handler, and to repeat."""
        self._stopping = True
        self._wakeup.wake()

    def run(self) -> None:
        """Handle jobs until `stop`; call it once. It survives a database that is away.

        After `stop`, running jobs may finish within `shutdown_timeout_seconds`, and the others are
        given back. Raises Stuck.
        """
        for number in range(self._threads):
            name = f"{self.name}-{number}"
            threading.Thread(target=self._run_thread, name=name, daemon=True).start()
        try:
            while not self._stopping:
                self._wakeup.wait(self._step())
        finally:
            self._shut_down()

    def drain(self) -> int:
        """Handle all jobs that may start now in this thread, and return how many. For tests."""
        handled = 0
        while jobs := self._claim(1):
            if transition := self._handling.handle(jobs[0]):
                self._handling.record([transition])
            handled += 1
        return handled

    def _step(self) -> float:
        """Do what is due now; return the seconds until something else is due."""
        try:
            seconds = self._do_due_work()
        except AWAY as error:
            return self._back_off(error)
        if self._failures:
            _log.warning("the database is back")
            self._failures = 0
        return seconds

    def _back_off(self, error: Exception) -> float:
        if not self._failures:
            _log.warning("the database is away, retrying until it is back: %s", error)
        self._failures += 1
        return away_backoff(self._failures, self._random)

    def _do_due_work(self) -> float:
        self._every(self._lease_seconds / 3, "extend", self._extend_all)
        self._every(self._lease_seconds / 3, "reclaim", self._queue.reclaim)
        self._give_back_ahead()
        quick = self._record()
        limit = self._threads + min(quick, MAX_AHEAD) - len(self._running)
        claimed = self._claim(limit) if limit > 0 else []
        for job in claimed:
            self._start(job)
        if claimed:
            self._queues = [*self._queues[1:], *self._queues[:1]]
        self._note_idleness()
        self._every(self._heartbeat_seconds, "heartbeat", self._call_back)
        return 0.0 if claimed and len(claimed) == limit else self._seconds_until_due()

    def _record(self) -> int:
        """Record the transitions there are; return how many of those jobs were quick."""
        finished = [running for running in self._snapshot() if running.transition]
        for batch in _batches(finished):
            self._handling.record([running.transition for running in batch if running.transition])
            self._forget(batch)
        return sum(running.quick for running in finished)

    def _every(self, seconds: float, what: str, call: Callable[[], object]) -> None:
        now = self._clock()
        # The second condition holds after the clock was set back.
        if now >= self._due.get(what, now) or self._due[what] > now + seconds:
            call()
            self._due[what] = now + seconds

    def _seconds_until_due(self) -> float:
        now = self._clock()
        times = [now + POLL_SECONDS, *self._due.values()]
        if len(self._running) < self._threads:
            next_run_at = self._queue.next_run_at(self._queues, room=self._room())
            times += [] if next_run_at is None else [next_run_at]
        elif len(self._running) > self._threads:
            times.append(now + _RECORD_SECONDS)
        return max(0.0, min(times) - now)

    def _claim(self, limit: int) -> list[Job]:
        return self._queue.claim(
            self._queues,
            worker=self.name,
            lease_seconds=self._lease_seconds,
            limit=limit,
            room=self._room(),
        )

    def _room(self) -> Room:
        return Room(self._threads, Counter(each.job.tenant for each in self._snapshot()))

    def _start(self, job: Job) -> None:
        running = _Running(job, self._clock())
        with self._lock:
            self._running[job.id] = running
        self._inbox.put(running)

    def _forget(self, recorded: Iterable[_Running]) -> None:
        with self._lock:
            for running in recorded:
                del self._running[running.job.id]

    def _note_idleness(self) -> None:
        if self._running:
            self.idle_since = None
        elif self.idle_since is None:
            self.idle_since = self._clock()

    def _call_back(self) -> None:
        try:
            self._on_heartbeat()
            since = self.idle_since
            self._on_idle(0.0 if since is None else self._clock() - since)
        except AWAY:
            raise
        except Exception:  # noqa: BLE001  # a callback's fault must not stop the work
            _log.exception("a callback of the worker failed")

    def _snapshot(self) -> list[_Running]:
        with self._lock:
            return list(self._running.values())

    def _extend_all(self) -> None:
        now = self._clock()
        for running in self._snapshot():
            begun_at = now if running.transition else running.begun_at or now
            if now - begun_at >= self._limit_seconds:
                running.abandoned = True
                self._raise_stuck(running.job)
            with self._context(running.job):
                self._extend(running.job)

    def _give_back_ahead(self) -> None:
        if len(self._running) > self._threads:
            self._give_back(before=self._clock() - AHEAD_SECONDS)

    def _raise_stuck(self, job: Job) -> NoReturn:
        with self._context(job):
            _log.error("job %d (%s %s) does not return", job.id, job.queue, job.key)
        raise Stuck(
            f"job {job.id} ({job.queue} {job.key}) did not return within "
            f"{self._limit_seconds:g} s; the process ends, and the job is retried"
        )

    def _extend(self, job: Job) -> None:
        try:
            self._queue.extend(job, self._lease_seconds)
        except LeaseLost as lost:
            # The job has just finished, or its result will be refused too.
            _log.info("lease not extended: %s", lost)

    def _shut_down(self) -> None:
        """Finish the jobs that were begun, and give back the others."""
        try:
            self._give_back()
            self._finish()
            # Another loop may sleep until a time at which this worker would have looked.
            self._queue.wake()
        finally:
            for _ in range(self._threads):
                self._inbox.put(None)

    def _give_back(self, *, before: float = math.inf) -> None:
        """Give back jobs claimed before a time (epoch seconds) that no thread has begun."""
        with self._lock:
            waiting = [
                running
                for running in self._running.values()
                if running.begun_at is None and running.claimed_at <= before
            ]
            for running in waiting:
                del self._running[running.job.id]
        for running in waiting:
            with self._context(running.job):
                self._give_one_back(running.job)

    def _give_one_back(self, job: Job) -> None:
        try:
            self._queue.give_back(job)
        except (LeaseLost, *AWAY) as error:
            _log.warning("job %d could not be given back: %s", job.id, error)

    def _finish(self) -> None:
        """Record the transitions of running jobs until the shutdown timeout."""
        deadline = self._clock() + self._shutdown_timeout_seconds
        while True:
            seconds = self._record_or_back_off()
            if not self._is_busy() or self._clock() >= deadline:
                break
            self._wakeup.wait(min(seconds, deadline - self._clock()))
        for running in self._snapshot():
            with self._context(running.job):
                _log.warning("job %d did not finish; its lease will expire", running.job.id)

    def _record_or_back_off(self) -> float:
        """Record transitions; return the seconds until the next try, unless a thread wakes us."""
        try:
            self._record()
        except AWAY as error:
            return self._back_off(error)
        return self._shutdown_timeout_seconds

    def _is_busy(self) -> bool:
        return any(not running.abandoned for running in self._snapshot())

    def _run_thread(self) -> None:
        """Handle jobs from the inbox until it yields None."""
        while (running := self._inbox.take()) is not None:
            with self._lock:
                begun = self._running.get(running.job.id) is running
                running.begun_at = self._clock() if begun else None
            if begun:
                self._handle(running)
            self._inbox.over(running)
            # While jobs are quick and claimed ahead, transitions wait for the next claim.
            is_last = self._inbox.empty() or len(self._running) <= self._threads
            if is_last or not running.quick:
                self._wakeup.wake()

    def _handle(self, running: _Running) -> None:
        transition = None
        try:
            transition = self._handling.handle(running.job)
        except Exception:  # noqa: BLE001  # the thread must go on
            # The lease expires, and the job is retried.
            _log.exception("job %d has no result", running.job.id)
        running.quick = self._clock() - (running.begun_at or 0.0) < QUICK_SECONDS
        running.transition = transition
        if transition is None:
            self._forget([running])


def _batches(finished: Sequence[_Running]) -> Iterator[Sequence[_Running]]:
    """Yield jobs that share a transaction: all that put nothing; others alone, or they deadlock."""
    putting_nothing = [each for each in finished if not (each.transition and each.transition.put)]
    if putting_nothing:
        yield putting_nothing
    for running in finished:
        if running.transition and running.transition.put:
            yield [running]
