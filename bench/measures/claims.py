"""Claims: the cost of a claim when the queue has many finished jobs.

Keys of finished jobs stay forever. Of each kind of database, one is empty and others have finished
jobs. Slices of claims alternate between them; each claim is one job, committed and synced.
"""

import random
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from sqlalchemy import Engine, text

from bench.database import DATABASES, databases, deliveries, freshen, opened
from bench.measure import Measure, Size, Table
from bench.processes import scratch
from bench.say import say
from bench.spread import ratio
from bot.events import DELIVERIES
from luggage.jobs import Queue

HEAD = ("database", "finished jobs", "claims/s", "time of a claim against an empty table")
LEASE_SECONDS = 3600.0
_FINISHED = """
INSERT INTO job (queue, key, subject, kind, state, attempt, max_attempts, fence, run_at, worker,
                 created_at, changed_at, note, result, reason)
SELECT 'delivery', 'old-' || n, 'snakes/trio#' || n % 50000, 'pull_request',
       CASE WHEN n % 5 = 0 THEN 'done' ELSE 'ignored' END,
       1, 5, 1, n, 'a worker of old', n, n, '', '', 'no rule had anything to do'
FROM {numbers}
"""
_NUMBERS = {
    "sqlite": "(WITH RECURSIVE up(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up LIMIT :count) "
    "SELECT n FROM up)",
    "postgresql": "generate_series(1, :count) AS n",
}


@dataclass(frozen=True)
class Contestant:
    """A database with finished jobs."""

    finished: int
    engine: Engine
    queue: Queue

    def fill(self) -> None:
        """Insert the finished jobs; their payloads have expired."""
        numbers = _NUMBERS[self.engine.dialect.name]
        if self.finished:
            with self.engine.begin() as connection:
                filling = text(_FINISHED.format(numbers=numbers))
                connection.execute(filling, {"count": self.finished})
        freshen(self.engine)

    def slice(self, number: int, tag: str) -> float:
        """Queue jobs and claim them one at a time; return the seconds of one claim."""
        jobs = deliveries(number, tag, subject="snakes/trio", body=b"{}" * 100, kind="push")
        self.queue.put_all(jobs)
        began = time.perf_counter()
        for _ in range(number):
            self.queue.claim([DELIVERIES], worker="bench", lease_seconds=LEASE_SECONDS)
        seconds = (time.perf_counter() - began) / number
        self._finish()
        return seconds

    def _finish(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(text("UPDATE job SET state = 'done' WHERE state = 'leased'"))


def run(size: Size) -> Table:
    """Measure both databases."""
    sizes = size.of((0, 1_000, 10_000, 100_000, 1_000_000), (0, 1_000))
    return measured(DATABASES, sizes, rounds=size.of(20, 2), number=size.of(100, 5))


def measured(kinds: Sequence[str], sizes: Sequence[int], *, rounds: int, number: int) -> Table:
    """Measure these kinds of databases with these numbers of finished jobs, the first 0."""
    rows: list[Sequence[str]] = []
    figures = {}
    for kind in kinds:
        times = _slices(kind, sizes, rounds, number)
        against = {each: ratio(times[each], times[sizes[0]]) for each in sizes[1:]}
        for finished in sizes:
            rate = f"{1 / median(times[finished]):.0f}"
            rows.append((kind, f"{finished:,}", rate, str(against.get(finished, 1))))
        name = kind.lower()
        figures[f"claims.{name}_million_against_empty"] = against[sizes[-1]].middle
        figures[f"claims.{name}_per_second_empty"] = 1 / median(times[sizes[0]])
    return Table(
        head=HEAD,
        rows=rows,
        notes=[_NOTE.format(rounds=rounds, number=number)],
        figures=figures,
    )


_NOTE = (
    "{rounds} rounds; in each, {number} claims of one job in every database, in an order of "
    "chance. What is held to the goal is the last row of each database."
)


def _slices(kind: str, sizes: Sequence[int], rounds: int, number: int) -> dict[int, list[float]]:
    with scratch("claims") as home, databases(kind, home) as address, ExitStack() as stack:
        every = []
        for finished in sizes:
            engine = stack.enter_context(opened(address()))
            every.append(Contestant(finished, engine, Queue(engine, clock=time.time)))
            every[-1].fill()
        times: dict[int, list[float]] = {each: [] for each in sizes}
        for each in range(-1, rounds):
            for one in random.sample(every, k=len(every)):
                seconds = one.slice(number, f"round{each}")
                # The extra first round fills caches and compiles statements.
                times[one.finished] += [seconds] if each >= 0 else []
            say(f"claims, {kind}, round {each + 1} of {rounds}")
    return times


MEASURE = Measure(
    name="claims",
    question="What does a claim cost beside up to a million finished jobs?",
    run=run,
)
