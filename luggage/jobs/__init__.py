"""Durable job queue in SQLite or PostgreSQL, which survives `kill -9` at every step.

Make an engine with luggage.database, migrate it with ``History("jobs", MIGRATIONS, metadata)``,
then::

    queue = Queue(engine, clock=clock, wake=notifier(engine, directory))
    queue.put(NewJob(queue="mail", key="welcome:alice", body=b"...", run_at=clock()))
    Worker(queue, {"mail": send}, threads=4, lease_seconds=60, wakeup=listener(engine, directory),
           clock=clock, random=random).run()

The handler is called again for a job whose worker died, so its effect must be safe to repeat.
"""

from luggage.jobs.group import GroupCommit
from luggage.jobs.handling import AWAY
from luggage.jobs.leader import Leadership
from luggage.jobs.model import (
    Dead,
    Depth,
    Done,
    Handler,
    Ignored,
    Job,
    JobRow,
    JobsError,
    LeaseLost,
    NewJob,
    Outcome,
    Postpone,
    Put,
    Retry,
    Standing,
    State,
    UnknownJob,
    WrongState,
)
from luggage.jobs.queue import Queue
from luggage.jobs.retry import backoff
from luggage.jobs.schema import metadata
from luggage.jobs.wake import LocalWakeup, Waker, Wakeup, listener, nobody, notifier
from luggage.jobs.worker import Stuck, Worker

#: The package with the migrations of the queue's tables, for `History`.
MIGRATIONS = "luggage.jobs.migrations"

__all__ = [
    "AWAY",
    "MIGRATIONS",
    "Dead",
    "Depth",
    "Done",
    "GroupCommit",
    "Handler",
    "Ignored",
    "Job",
    "JobRow",
    "JobsError",
    "Leadership",
    "LeaseLost",
    "LocalWakeup",
    "NewJob",
    "Outcome",
    "Postpone",
    "Put",
    "Queue",
    "Retry",
    "Standing",
    "State",
    "Stuck",
    "UnknownJob",
    "Waker",
    "Wakeup",
    "Worker",
    "WrongState",
    "backoff",
    "listener",
    "metadata",
    "nobody",
    "notifier",
]
