"""The loop that claims jobs and has threads handle them.

Chosen: one thread that talks to the queue on behalf of all (claims, ends, heartbeats, reclaims),
many jobs in a transaction, and a fixed pool of daemon threads that run handlers. Against:
concurrent.futures (its threads are joined when the interpreter ends, so that one handler that never
returns keeps the process from ending), and asyncio (handlers call `requests`, and rules are plain
functions). The loop waits on its wakeup alone, never for a nap's end.
"""

import logging
import math
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import NoReturn

from luggage.jobs.handling import AWAY, Handling, away_backoff
from luggage.jobs.inbox import Handoff
from luggage.jobs.model import Handler, Job, JobsError, LeaseLost
from luggage.jobs.outcomes import Ending
from luggage.jobs.queue import Queue
from luggage.jobs.wake import Wakeup

_log = logging.getLogger(__name__)

# A lost wake-up costs at most this much.
POLL_SECONDS = 30.0
# A job that takes less is handled before the next one could be claimed: for each such the loop
# claims one more ahead, up to so many.
QUICK_SECONDS = 0.02
MOST_AHEAD = 28
# Who has been at a job for longer seems to wait for something. It is twice what deciding takes; and
# where all wait, 500 begin in a second, which is as many as one interpreter decides.
ALONE_SECONDS = 0.002
# Whose end waits for the next claim waits this long at most.
_RECORD_SECONDS = 0.05


class Stuck(JobsError):  # noqa: N818
    """A handler did not return within the limit. A thread cannot be ended: its process must be."""


@dataclass
class _Running:
    """A claimed job on its way to a thread, in its hands, or waiting for its end's record."""

    job: Job
    claimed_at: float
    begun_at: float | None = None
    ending: Ending | None = None
    quick: bool = False
    abandoned: bool = False


class Worker:
    """Handles the jobs of some queues, each queue with its handler.

    The queues are asked in the mapping's order, but `run` begins each claim with another one, so
    that a flood in one does not keep the others waiting.

    `threads` handlers run side by side, but each alone for its first `alone_seconds`: what is over
    by then runs one after the other. No more is claimed than there are free threads, but some jobs
    ahead where they are handled so quickly that threads would wait for the next claim. A lease
    lasts `lease_seconds` and is renewed after a third of that, but not for a handler that has been
    at it for `limit_seconds`: `run` then raises Stuck, for the supervisor to begin anew, and the
    job is tried again until its attempts are spent.

    `context` makes the context in which all about a job is done and logged. `on_beat` is called
    every `beat_seconds`, and then, while there is nothing to do, `on_idle` with the seconds that
    this has lasted. `clock` returns epoch seconds, `random` numbers from 0 up to 1.
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
        on_beat: Callable[[], object] = lambda: None,
        beat_seconds: float = 5.0,
        on_idle: Callable[[float], object] = lambda _seconds: None,
        grace_seconds: float = 20.0,
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
        self._on_beat = on_beat
        self._beat_seconds = beat_seconds
        self._on_idle = on_idle
        self._grace_seconds = grace_seconds
        self._limit_seconds = limit_seconds
        self.name = name or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self.idle_since: float | None = None
        self._stopping = False
        self._handling = Handling(queue, handlers, clock, random, context)
        self._inbox: Handoff[_Running] = Handoff(alone_seconds)
        # Guarded by the lock: threads take theirs out, the loop puts in and looks through.
        self._lock = threading.Lock()
        self._running: dict[int, _Running] = {}
        self._due: dict[str, float] = {}
        self._failures = 0

    def stop(self) -> None:
        """Have `run` finish what it holds and return; safe in a signal handler, and to repeat."""
        self._stopping = True
        self._wakeup.wake()

    def run(self) -> None:
        """Handle jobs until `stop`; may be called once. Survives a database that is away.

        What was begun is then finished within `grace_seconds`, the rest is given back. Raises
        Stuck.
        """
        for number in range(self._threads):
            name = f"{self.name}-{number}"
            threading.Thread(target=self._work, name=name, daemon=True).start()
        try:
            while not self._stopping:
                self._wakeup.wait(self._turn())
        finally:
            self._leave()

    def drain(self) -> int:
        """Handle every job that may start now in this thread; return how many. For tests and tools.

        Raises what AWAY names when the database is away.
        """
        handled = 0
        while jobs := self._claim(1):
            if ending := self._handling.ask(jobs[0]):
                self._handling.record([ending])
            handled += 1
        return handled

    def _turn(self) -> float:
        """Do what is to be done now; return how long there will be nothing to do, in seconds."""
        try:
            pause = self._look()
        except AWAY as error:
            return self._note_absence(error)
        if self._failures:
            _log.warning("the database is back")
            self._failures = 0
        return pause

    def _note_absence(self, error: Exception) -> float:
        if not self._failures:
            _log.warning("the database is away, trying until it is back: %s", error)
        self._failures += 1
        return away_backoff(self._failures, self._random)

    def _look(self) -> float:
        self._every(self._lease_seconds / 3, "heartbeat", self._extend_all)
        self._every(self._lease_seconds / 3, "reclaim", self._queue.reclaim)
        quick = self._record()
        wanted = self._threads + min(quick, MOST_AHEAD) - len(self._running)
        claimed = self._claim(wanted) if wanted > 0 else []
        for job in claimed:
            self._start(job)
        if claimed:
            self._queues = [*self._queues[1:], *self._queues[:1]]
        self._note_idleness()
        self._every(self._beat_seconds, "beat", self._call_back)
        return 0.0 if claimed and len(claimed) == wanted else self._pause()

    def _record(self) -> int:
        """Record the ends that there are; return how many of those jobs were quickly handled."""
        ended = [running for running in self._held() if running.ending]
        for group in _together(ended):
            self._handling.record([running.ending for running in group if running.ending])
            self._forget(group)
        return sum(running.quick for running in ended)

    def _every(self, seconds: float, what: str, call: Callable[[], object]) -> None:
        now = self._clock()
        # The second half is for a clock that was put back: it would be silent until it catches up.
        if now >= self._due.get(what, now) or self._due[what] > now + seconds:
            call()
            self._due[what] = now + seconds

    def _pause(self) -> float:
        now = self._clock()
        times = [now + POLL_SECONDS, *self._due.values()]
        if len(self._running) < self._threads:
            next_run_at = self._queue.next_run_at(self._queues)
            times += [] if next_run_at is None else [next_run_at]
        elif len(self._running) > self._threads:
            times.append(now + _RECORD_SECONDS)
        return max(0.0, min(times) - now)

    def _claim(self, limit: int) -> list[Job]:
        return self._queue.claim(
            self._queues, worker=self.name, lease_seconds=self._lease_seconds, limit=limit
        )

    def _start(self, job: Job) -> None:
        running = _Running(job, self._clock())
        with self._lock:
            self._running[job.id] = running
        self._inbox.put(running)

    def _forget(self, over: Iterable[_Running]) -> None:
        with self._lock:
            for running in over:
                del self._running[running.job.id]

    def _note_idleness(self) -> None:
        if self._running:
            self.idle_since = None
        elif self.idle_since is None:
            self.idle_since = self._clock()

    def _call_back(self) -> None:
        try:
            self._on_beat()
            since = self.idle_since
            self._on_idle(0.0 if since is None else self._clock() - since)
        except AWAY:
            raise
        except Exception:  # noqa: BLE001  # a page's figures must not end the work
            _log.exception("a callback of the worker failed")

    def _held(self) -> list[_Running]:
        with self._lock:
            return list(self._running.values())

    def _extend_all(self) -> None:
        now = self._clock()
        if len(self._running) > self._threads:
            # They turned out to be busy for long: others may have what was claimed ahead for them.
            self._give_back(before=now - self._lease_seconds / 3)
        for running in self._held():
            begun_at = now if running.ending else running.begun_at or now
            if now - begun_at >= self._limit_seconds:
                running.abandoned = True
                self._give_up(running.job)
            with self._context(running.job):
                self._extend(running.job)

    def _give_up(self, job: Job) -> NoReturn:
        with self._context(job):
            _log.error("job %d (%s %s) does not return", job.id, job.queue, job.key)
        raise Stuck(
            f"job {job.id} ({job.queue} {job.key}) did not return within "
            f"{self._limit_seconds:g} s; the process ends, the job is tried again"
        )

    def _extend(self, job: Job) -> None:
        try:
            self._queue.extend(job, self._lease_seconds)
        except LeaseLost as lost:
            # Or it was finished this very moment. If not, its end will be refused too.
            _log.info("not extended: %s", lost)

    def _leave(self) -> None:
        """Finish what was begun, give back what was not."""
        try:
            self._give_back()
            self._see_out()
            # Who sleeps until a time that this worker meant to keep has to look anew.
            self._queue.wake()
        finally:
            for _ in range(self._threads):
                self._inbox.put(None)

    def _give_back(self, *, before: float = math.inf) -> None:
        """Give back what no thread has begun of that which was claimed before a time."""
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
            _log.warning("job %d is not given back: %s", job.id, error)

    def _see_out(self) -> None:
        """Record the ends of what was begun, for as long as the grace lasts."""
        give_up_at = self._clock() + self._grace_seconds
        while True:
            pause = self._record_or_pause()
            if not self._busy() or self._clock() >= give_up_at:
                break
            self._wakeup.wait(min(pause, give_up_at - self._clock()))
        for running in self._held():
            with self._context(running.job):
                _log.warning("job %d is not finished; its lease will run out", running.job.id)

    def _record_or_pause(self) -> float:
        """Record; return for how long there will be nothing to record unless a thread wakes us."""
        try:
            self._record()
        except AWAY as error:
            return self._note_absence(error)
        return self._grace_seconds

    def _busy(self) -> bool:
        return any(not running.abandoned for running in self._held())

    def _work(self) -> None:
        """Be one of the threads: handle what comes in until told to end."""
        while (running := self._inbox.take()) is not None:
            with self._lock:
                begun = self._running.get(running.job.id) is running
                running.begun_at = self._clock() if begun else None
            if begun:
                self._handle(running)
            self._inbox.over(running)
            # Where more is held than there are threads, and takes no time, ends wait for the next.
            is_last = self._inbox.empty() or len(self._running) <= self._threads
            if is_last or not running.quick:
                self._wakeup.wake()

    def _handle(self, running: _Running) -> None:
        ending = None
        try:
            ending = self._handling.ask(running.job)
        except Exception:  # noqa: BLE001  # nobody else would hear of it
            # The thread goes on; the lease runs out, and the job is tried again.
            _log.exception("job %d has no end", running.job.id)
        running.quick = self._clock() - (running.begun_at or 0.0) < QUICK_SECONDS
        running.ending = ending
        if ending is None:
            self._forget([running])


def _together(ended: Sequence[_Running]) -> Iterator[Sequence[_Running]]:
    """Give those whose ends are recorded in one transaction: all that put nothing, and each other.

    Two loops that put the same jobs, each several, could otherwise wait for one another.
    """
    quiet = [running for running in ended if not (running.ending and running.ending.put)]
    if quiet:
        yield quiet
    for running in ended:
        if running.ending and running.ending.put:
            yield [running]
