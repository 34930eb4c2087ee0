"""A million finished jobs: a claim takes as long as without them."""

import statistics
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from luggage.database import open_engine
from luggage.jobs import NewJob, Queue
from tests.faults.campaign import Row, Run
from tests.faults.site import POSTGRESQL, Site
from tests.support import ends

_PROMISED = 1.3
_BATCH = 100  # jobs that wait, in each of so many rounds
_ROUNDS = (2, 40)  # in the short form, and in full
_QUEUE = "delivery"

_FINISHED = """
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :count)
INSERT INTO job (queue, key, subject, kind, state, attempt, max_attempts, fence, run_at, worker,
                 created_at, changed_at, note, result, reason)
SELECT :queue, 'old-' || n, 'org' || n % 100 || '/repo#' || n % 5000, 'issues', 'done', 1, 5, 1, n,
       'loop', n, n, '', '', '' FROM number
"""


def run(run: Run) -> None:
    """Alternate between two databases, so that other load affects both."""
    fake = run.github()
    with run.site(fake) as empty, run.site(fake) as full:
        with full.engine.begin() as connection:
            connection.execute(text(_FINISHED), {"count": run.count, "queue": _QUEUE})
        if run.database == POSTGRESQL:
            _look_after(full)
        run.say(f"{run.count} jobs are finished")
        measures = [_measure(site) for site in (empty, full)]
        rounds = _ROUNDS[0] if run.short else _ROUNDS[1]
        took: list[list[float]] = [[], []]
        for number in range(rounds):
            for which in (0, 1) if number % 2 else (1, 0):
                took[which] += measures[which](number)
        without, beside = (statistics.median(times) * 1000 for times in took)
        left = full.waiting() + empty.waiting()
        run.note(claims=rounds * _BATCH, claim_ms_without=without, claim_ms_beside=beside)
        run.note(ratio=f"{beside / without:.2f}")
        run.expect(not left, f"{left} jobs were left")
        run.expect_in_time(beside <= _PROMISED * without, f"{beside / without:.2f} times as long")


def _look_after(site: Site) -> None:
    """Vacuum, as autovacuum would do during a million jobs."""
    with site.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE job"))


def _measure(site: Site) -> Callable[[int], list[float]]:
    """A function that queues jobs and returns the seconds of each claim."""
    engine = open_engine(site.database_url)
    queue = Queue(engine, clock=time.time)
    how: dict[str, Any] = {"worker": "bench", "lease_seconds": 60.0, "limit": 1}

    def measure(number: int) -> list[float]:
        for n in range(_BATCH):
            key = f"new-{number}-{n}"
            queue.put(NewJob(queue=_QUEUE, key=key, body=b"{}", run_at=0.0, subject=key))
        took = []
        for _ in range(_BATCH):
            began = time.perf_counter()
            (claimed,) = queue.claim([_QUEUE, "action"], **how)
            took.append(time.perf_counter() - began)
            ends.done(queue, claimed)
        engine.dispose()
        return took

    return measure


ROW = Row(
    name="a-million-finished",
    fault="a million finished jobs in the database",
    target="a claim takes at most 1.3 times as long as without them",
    size="finished jobs",
    full=1_000_000,
    short=2_000,
    run=run,
)
