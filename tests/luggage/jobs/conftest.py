"""A worker on a SQLite queue, with a clock that the test controls."""

import threading

import pytest

from luggage.database import open_engine
from luggage.jobs import NewJob, Queue, Worker
from tests.conftest import JOBS
from tests.support.migrated import migrated


class ScriptedWakeup:
    """Waits by moving the clock; each wait runs the next step of `script`."""

    def __init__(self, clock):
        self.clock = clock
        self.worker = None
        self.changed = threading.Condition()
        self.waits = []
        self.script = []
        self.at_the_end = lambda: None

    def wait(self, timeout_seconds):
        """Advance the clock and run the next step."""
        self.waits.append(timeout_seconds)
        self.clock.advance(timeout_seconds)
        step = self.script.pop(0) if self.script else self.at_the_end
        step()

    def all_done(self):
        """Wait, in real time, until no thread is handling a job."""
        with self.changed:
            assert self.changed.wait_for(self.no_thread_is_busy, 10)

    def no_thread_is_busy(self):
        """Return whether every job has a transition to record."""
        return all(running.transition for running in self.worker._snapshot())

    def wake(self):
        """Note that a thread has finished a job."""
        with self.changed:
            self.changed.notify_all()

    def close(self):
        """Do nothing."""


@pytest.fixture
def wakeup(clock):
    """A wake-up that waits without real time."""
    return ScriptedWakeup(clock)


@pytest.fixture
def engine(sqlite_url):
    """A migrated SQLite database."""
    engine = open_engine(sqlite_url, pool_size=10)
    migrated(engine, [JOBS])
    yield engine
    engine.dispose()


@pytest.fixture
def queue(engine, clock):
    """A queue on SQLite."""
    return Queue(engine, clock=clock)


@pytest.fixture
def put(queue, clock):
    """Put a job that is due; return its id."""

    def put(key, **said):
        values = {"queue": "mail", "body": b"hello", "run_at": clock(), **said}
        return queue.put(NewJob(key=key, **values)).id

    return put


@pytest.fixture
def make_worker(queue, wakeup, clock):
    """Make a worker with defaults for all but the given arguments."""

    def make_worker(handler=None, **said):
        values = {
            "threads": 1,
            "lease_seconds": 60.0,
            "wakeup": wakeup,
            "clock": clock,
            "random": lambda: 0.5,
            **said,
        }
        handlers = values.pop("handlers", {"mail": handler})
        worker = Worker(values.pop("queue", queue), handlers, **values)
        wakeup.worker, wakeup.at_the_end = worker, worker.stop
        return worker

    return make_worker
