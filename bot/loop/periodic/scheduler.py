"""What one loop of all does from time to time: each duty in a thread of its own, under a lease.

Chosen: daemon threads, so that a GitHub that hangs or a slow disk holds up neither the jobs nor the
end of the process. Against: jobs of the queue that put themselves again; the history of the queue
would fill with them. A duty must do no harm when two processes do it, which happens when one was
stopped for longer than its lease.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

from luggage.jobs import Leadership

# A leader that is heard of no more is replaced after the first and one of the second: within 25 s.
LEASE_SECONDS = 20.0
RENEW_SECONDS = 5.0
# A run that takes longer is taken to hang: its lease is renewed no more, and another process does
# the duty.
LIMIT_SECONDS = 900.0
_FAREWELL_SECONDS = 2.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PeriodicTask:
    """Something to do at once, and then again `every_seconds` after it was done."""

    name: str
    every_seconds: float
    run: Callable[[], object]


@dataclass
class _Post:
    """A duty in this process: whether it is ours to do, and since when it is being done."""

    duty: PeriodicTask
    ours: threading.Event = field(default_factory=threading.Event)
    begun_at: float | None = None
    failed: bool = False


class TaskScheduler:
    """Does duties while its context lasts, each where no other process does it.

    `holder` names this process among all. `clock` gives epoch seconds. What a duty raises is logged
    and ends nothing.
    """

    def __init__(
        self,
        duties: Sequence[PeriodicTask],
        leadership: Leadership,
        *,
        holder: str,
        clock: Callable[[], float],
        renew_seconds: float = RENEW_SECONDS,
    ) -> None:
        self._posts = [_Post(duty) for duty in duties]
        self._leadership = leadership
        self._holder = holder
        self._clock = clock
        self._renew_seconds = renew_seconds
        self._over = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="duties", daemon=True)

    def __enter__(self) -> Self:
        """Begin; returns at once. May be entered once."""
        for post in self._posts:
            name = f"duty-{post.duty.name}"
            threading.Thread(target=self._work, args=(post,), name=name, daemon=True).start()
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Begin nothing more, and give the leases up; a run that has begun is not waited for."""
        self._over.set()
        for post in self._posts:
            post.ours.set()  # whoever waits for it sees that it is over
        self._keeper.join(_FAREWELL_SECONDS)

    def _keep(self) -> None:
        """Be the thread that renews the leases."""
        while not self._over.is_set():
            for post in self._posts:
                self._renew(post)
            self._over.wait(self._renew_seconds)
        for post in self._posts:
            self._release(post)

    def _renew(self, post: _Post) -> None:
        begun_at = post.begun_at
        hangs = begun_at is not None and self._clock() - begun_at > LIMIT_SECONDS
        if not hangs and self._is_ours(post.duty.name):
            post.ours.set()
        elif not self._over.is_set():
            post.ours.clear()

    def _is_ours(self, name: str) -> bool:
        try:
            return self._leadership.holds(_lease(name), self._holder, seconds=LEASE_SECONDS)
        except Exception as error:  # noqa: BLE001  a database that is away comes back
            log.debug("the lease of %s is not renewed: %s", name, error)
            return False

    def _release(self, post: _Post) -> None:
        try:
            self._leadership.release(_lease(post.duty.name), self._holder)
        except Exception as error:  # noqa: BLE001  it runs out by itself
            log.debug("the lease of %s is not given up: %s", post.duty.name, error)

    def _work(self, post: _Post) -> None:
        """Be the thread of one duty."""
        while True:
            post.ours.wait()
            if self._over.is_set():
                return
            self._do(post)
            self._over.wait(post.duty.every_seconds)

    def _do(self, post: _Post) -> None:
        post.begun_at = self._clock()
        try:
            post.duty.run()
        except (Exception, SystemExit) as error:
            # The whole story once, until it works again.
            log.warning("%s failed: %s", post.duty.name, error, exc_info=not post.failed)
            post.failed = True
        else:
            post.failed = False
        finally:
            post.begun_at = None


def _lease(name: str) -> str:
    return f"duty:{name}"
