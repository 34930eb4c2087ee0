"""bot.loop.periodic.scheduler: each task runs in one process, in its own thread."""

import contextlib
import logging
import threading

import pytest
from sqlalchemy.exc import OperationalError

from bot.loop.periodic import scheduler
from bot.loop.periodic.scheduler import PeriodicTask, TaskScheduler
from luggage.jobs import Leadership

# Far longer than any of it takes; no test asserts how long something took.
PATIENCE = 30.0
SOON = 0.01


@pytest.fixture
def leadership(store, clock):
    return Leadership(store, clock)


@pytest.fixture
def doing(leadership, clock):
    """Run tasks as one process until the test ends or the returned stack is closed."""
    with contextlib.ExitStack() as stack:

        def doing(*tasks, holder="here", leadership=leadership):
            mine = stack.enter_context(contextlib.ExitStack())
            process = TaskScheduler(
                tasks, leadership, holder=holder, clock=clock, renew_seconds=SOON
            )
            mine.enter_context(process)
            return mine

        yield doing


class Count:
    """A task that counts its runs."""

    def __init__(self, name="sweep", raises=()):
        self.times = threading.Semaphore(0)
        self.task = PeriodicTask(name, SOON, self)
        self._raises = iter(raises)

    def __call__(self):
        self.times.release()
        for error in self._raises:
            raise error

    def wait(self, times=1):
        return all(self.times.acquire(timeout=PATIENCE) for _ in range(times))


def test_a_duty_is_done_again_and_again(doing):
    """A task runs at once and repeats."""
    count = Count()
    doing(count.task)
    assert count.wait(3)


def test_only_the_leader_does_it(doing, leadership):
    """A task whose lease another process holds does not run here."""
    leadership.holds("duty:sweep", "there", seconds=20)
    mine, other = Count(), Count("other")
    doing(mine.task, other.task)
    assert other.wait(3)
    assert not mine.times.acquire(blocking=False)


def test_another_takes_over_when_the_leader_is_gone(doing, leadership, clock):
    """A task runs here once its leader's lease has expired."""
    leadership.holds("duty:sweep", "there", seconds=20)
    count = Count()
    doing(count.task)
    clock.advance(scheduler.LEASE_SECONDS)
    assert count.wait()


def test_the_lease_is_given_up_at_the_end(doing, leadership):
    """At the end the leases are released."""
    count = Count()
    process = doing(count.task)
    assert count.wait()
    process.close()
    assert leadership.holds("duty:sweep", "there", seconds=20)


def test_nothing_is_begun_after_the_end(doing):
    """At the end waiting tasks stop."""
    count = Count()
    process = doing(count.task)
    assert count.wait()
    process.close()
    names = {"task-sweep", "leases"}
    for thread in threading.enumerate():
        if thread.name in names:
            thread.join(PATIENCE)
    assert not names & {thread.name for thread in threading.enumerate()}


def test_one_that_hangs_holds_up_no_other(doing):
    """A hanging task blocks neither the others nor the shutdown."""
    freed = threading.Event()
    count = Count("other")
    process = doing(PeriodicTask("hangs", SOON, freed.wait), count.task)
    assert count.wait(3)
    process.close()
    freed.set()


def test_one_that_hangs_for_long_loses_its_lease(doing, leadership, clock):
    """A task that hangs for long loses its lease."""
    freed, begun = threading.Event(), threading.Event()
    other = Count("other")
    doing(PeriodicTask("hangs", SOON, lambda: (begun.set(), freed.wait(PATIENCE))), other.task)
    assert begun.wait(PATIENCE)
    clock.advance(scheduler.LIMIT_SECONDS + 1)
    got = any(
        leadership.holds("duty:hangs", "there", seconds=1e9) or not other.wait(1)
        for _ in range(1000)
    )
    freed.set()
    assert got


def test_a_failure_is_reported_once_in_full(doing, caplog):
    """A failure is logged, with a traceback the first time, and the task runs again."""
    count = Count(raises=[ValueError("one"), SystemExit("two")])
    doing(count.task)
    assert count.wait(4)
    told = [
        (r.getMessage(), bool(r.exc_info))
        for r in caplog.records
        if r.name == "bot.loop.periodic.scheduler"
    ]
    assert told == [("sweep failed: one", True), ("sweep failed: two", False)]


class Away:
    """Leadership without a database, until `back` is set."""

    def __init__(self):
        self.asked = threading.Semaphore(0)
        self.back = threading.Event()

    def holds(self, name, holder, *, seconds):
        self.asked.release()
        if not self.back.is_set():
            raise OperationalError("SELECT", {}, Exception("away"))
        return True

    def release(self, name, holder):
        raise OperationalError("DELETE", {}, Exception("away"))


def test_a_database_that_is_away_is_waited_for(doing, caplog):
    """Without a database no task runs, and the scheduler neither fails nor hangs."""
    caplog.set_level(logging.DEBUG, logger="bot.loop.periodic.scheduler")
    away, count = Away(), Count()
    process = doing(count.task, leadership=away)
    for _ in range(3):
        assert away.asked.acquire(timeout=PATIENCE)
    before = count.times.acquire(blocking=False)
    away.back.set()
    assert (before, count.wait()) == (False, True)
    process.close()
    assert "cannot release the lease" in caplog.text
