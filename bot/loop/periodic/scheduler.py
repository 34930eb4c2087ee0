"""Task scheduler: runs each periodic task in one process at a time, under a lease.

Each task has a daemon thread, so a hanging GitHub or a slow disk blocks neither the jobs nor the
shutdown. Two processes may overlap when one was stopped for longer than its lease, so a task must
tolerate that. Jobs that requeue themselves would fill the queue's history.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

from luggage.jobs import Leadership

# A lost leader is replaced after the sum of these: within 25 s.
LEASE_SECONDS = 20.0
RENEW_SECONDS = 5.0
# A run that takes longer counts as hanging: another process takes its lease.
LIMIT_SECONDS = 900.0
_SHUTDOWN_SECONDS = 2.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PeriodicTask:
    """A task that runs at once, and again `every_seconds` after each run."""

    name: str
    every_seconds: float
    run: Callable[[], object]


def run_each(message: str, steps: Iterable[Callable[[], object]]) -> None:
    """Run every step, even if others fail; raises their errors as one ExceptionGroup."""
    errors: list[Exception] = []
    for step in steps:
        try:
            step()
        except Exception as error:  # noqa: BLE001  raised below
            errors.append(error)
    if errors:
        raise ExceptionGroup(message, errors)


@dataclass
class _Slot:
    """A task in this process: whether we hold its lease, and when its run began."""

    task: PeriodicTask
    is_leader: threading.Event = field(default_factory=threading.Event)
    begun_at: float | None = None
    failed: bool = False


class TaskScheduler:
    """Runs tasks while its context lasts, each only while this process holds its lease.

    `holder` names this process. `clock` returns epoch seconds. An exception of a task is logged,
    and the task runs again.
    """

    def __init__(
        self,
        tasks: Sequence[PeriodicTask],
        leadership: Leadership,
        *,
        holder: str,
        clock: Callable[[], float],
        renew_seconds: float = RENEW_SECONDS,
    ) -> None:
        self._slots = [_Slot(task) for task in tasks]
        self._leadership = leadership
        self._holder = holder
        self._clock = clock
        self._renew_seconds = renew_seconds
        self._closing = threading.Event()
        self._renewer = threading.Thread(target=self._renew_leases, name="leases", daemon=True)

    def __enter__(self) -> Self:
        """Start the threads; returns at once. May be entered once."""
        for slot in self._slots:
            name = f"task-{slot.task.name}"
            threading.Thread(target=self._run, args=(slot,), name=name, daemon=True).start()
        self._renewer.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Start no more runs and release the leases; does not wait for a running task."""
        self._closing.set()
        for slot in self._slots:
            slot.is_leader.set()  # wakes its thread, which then ends
        self._renewer.join(_SHUTDOWN_SECONDS)

    def _renew_leases(self) -> None:
        """Renew the leases until the end, then release them; runs in a thread."""
        while not self._closing.is_set():
            for slot in self._slots:
                self._renew(slot)
            self._closing.wait(self._renew_seconds)
        for slot in self._slots:
            self._release(slot)

    def _renew(self, slot: _Slot) -> None:
        begun_at = slot.begun_at
        hangs = begun_at is not None and self._clock() - begun_at > LIMIT_SECONDS
        if not hangs and self._acquire(slot.task.name):
            slot.is_leader.set()
        elif not self._closing.is_set():
            slot.is_leader.clear()

    def _acquire(self, name: str) -> bool:
        try:
            return self._leadership.holds(_lease(name), self._holder, seconds=LEASE_SECONDS)
        except Exception as error:  # noqa: BLE001  the database may come back
            log.debug("cannot renew the lease of %s: %s", name, error)
            return False

    def _release(self, slot: _Slot) -> None:
        try:
            self._leadership.release(_lease(slot.task.name), self._holder)
        except Exception as error:  # noqa: BLE001  the lease expires by itself
            log.debug("cannot release the lease of %s: %s", slot.task.name, error)

    def _run(self, slot: _Slot) -> None:
        """Run one task until the end; runs in a thread."""
        while True:
            slot.is_leader.wait()
            if self._closing.is_set():
                return
            self._run_once(slot)
            self._closing.wait(slot.task.every_seconds)

    def _run_once(self, slot: _Slot) -> None:
        slot.begun_at = self._clock()
        try:
            slot.task.run()
        except (Exception, SystemExit) as error:
            # The traceback once, until the task works again.
            log.warning("%s failed: %s", slot.task.name, error, exc_info=not slot.failed)
            slot.failed = True
        else:
            slot.failed = False
        finally:
            slot.begun_at = None


def _lease(name: str) -> str:
    return f"duty:{name}"
