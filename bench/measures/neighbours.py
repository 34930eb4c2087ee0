"""Neighbours: the waiting time of an honest organisation beside hostile ones.

The loop is the bot's own process, the GitHub a simulated one that takes 100 ms for an answer. An
honest organisation's comment `/ping` is queued now and then, each by another person. Its waiting
time ends when the answer arrives at GitHub. Meanwhile each hostile organisation has a backlog of
comments by fifty people, which is never empty.
"""

import itertools
import json
import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from sqlalchemy import text

from bench.database import DATABASES
from bench.measure import Measure, Size, Table
from bench.measures.loop import Place, beating, placed
from bench.processes import until
from bench.say import say
from bench.spread import percentile
from bot.store.enqueue import job_of
from luggage.database import reading
from luggage.github.webhooks import decode
from luggage.jobs import NewJob

HEAD = ("database", "hostile organisations", "p50 ms", "p99 ms", "p99 against alone")
HONEST = "snakes/trio"
HOSTILE = (0, 1, 10)
THREADS = 4
_PEOPLE = 50
# An honest organisation uses less than an eleventh of the loop.
_SPACED_SECONDS = (2.0, 4.0)
_WARM_UP = 3
_WAITING = """
SELECT tenant, count(*) FROM job WHERE queue = 'delivery' AND state = 'ready' GROUP BY tenant
"""


@dataclass
class Street:
    """A place with an honest organisation and hostile ones."""

    place: Place
    backlog: int
    numbers: Callable[[], int] = field(default_factory=lambda: itertools.count(1).__next__)

    def waiting_ms(self) -> float:
        """Queue an honest `/ping`; returns the time until its answer arrives at GitHub."""
        issue, job = self._ping(HONEST, f"honest-{self.numbers()}")
        began_at = time.time()
        self.place.queue.put(job)
        path = f"/repos/{HONEST}/issues/{issue}/comments"
        until(lambda: self._answers(path), f"an answer in {path}", pause_seconds=0.005)
        return 1000 * (self._answers(path)[0] - began_at)

    def fill(self, hostile: int) -> None:
        """Bring the backlog of each hostile organisation to its size."""
        with reading(self.place.engine) as connection:
            waiting = {row[0]: row[1] for row in connection.execute(text(_WAITING))}
        jobs = []
        for number in range(hostile):
            owner = f"hostile-{number}"
            self.place.github.add_repository(f"{owner}/flood")
            tenant = str(self.place.github.install(owner).id)
            for _ in range(self.backlog - waiting.get(tenant, 0)):
                person = f"{owner}-{self.numbers() % _PEOPLE}"
                jobs.append(self._ping(f"{owner}/flood", person)[1])
        self.place.queue.put_all(jobs)

    def clear(self) -> None:
        """Drop what is left of the hostile backlogs, and wait for what runs."""
        with self.place.engine.begin() as connection:
            connection.execute(text("UPDATE job SET state = 'ignored' WHERE state = 'ready'"))
        until(self.place.site.is_idle, "all is done", pause_seconds=0.1, timeout_seconds=60.0)

    def _ping(self, repository: str, person: str) -> tuple[int, NewJob]:
        github = self.place.github
        issue = int(github.open_issue(repository, person).payload["issue"]["number"])
        event, payload = github.comment(repository, issue, person, "/ping")
        body = json.dumps(payload).encode()
        delivery = decode(f"ping-{self.numbers()}", event, body)
        return issue, job_of(delivery, body, run_at=time.time())

    def _answers(self, path: str) -> Sequence[float]:
        calls = reversed(self.place.github.calls)
        return [call.at for call in calls if call.method == "POST" and call.path == path]


def run(size: Size) -> Table:
    """Measure both databases."""
    return measured(DATABASES, rounds=size.of(3, 1), samples=size.of(12, 2), backlog=size.of(30, 3))


def measured(kinds: Sequence[str], *, rounds: int, samples: int, backlog: int) -> Table:
    """Measure these kinds of databases, with so many samples in each round."""
    rows: list[Sequence[str]] = []
    figures = {}
    for kind in kinds:
        times = _times(kind, rounds, samples, backlog)
        alone = percentile(times[0], 99)
        for hostile in HOSTILE:
            p50, p99 = (percentile(times[hostile], percent) for percent in (50, 99))
            rows.append((kind, str(hostile), f"{p50:.0f}", f"{p99:.0f}", f"{p99 / alone:.2f}"))
            if hostile:
                name = f"neighbours.{kind.lower()}_p99_beside_{hostile}_against_alone"
                figures[name] = p99 / alone
    note = _NOTE.format(count=rounds * samples, rounds=rounds, threads=THREADS, backlog=backlog)
    return Table(head=HEAD, rows=rows, notes=[note], figures=figures)


_NOTE = (
    "{count} comments each, in {rounds} rounds with the numbers of neighbours in an order of "
    "chance; one loop with {threads} threads. Each hostile organisation has {backlog} deliveries "
    "waiting at any time. The pace between writes is switched off, because it would slow the "
    "hostile ones down."
)


def _times(kind: str, rounds: int, samples: int, backlog: int) -> dict[int, list[float]]:
    times: dict[int, list[float]] = {hostile: [] for hostile in HOSTILE}
    with ExitStack() as stack:
        street = Street(placed(kind, stack), backlog)
        stack.enter_context(beating(street.place, loops=1, threads=THREADS))
        for _ in range(_WARM_UP):
            street.waiting_ms()
        for number in range(rounds):
            for hostile in random.sample(HOSTILE, k=len(HOSTILE)):
                for _ in range(samples):
                    street.fill(hostile)
                    time.sleep(random.uniform(*_SPACED_SECONDS))
                    times[hostile].append(street.waiting_ms())
                street.clear()
                slowest = max(times[hostile])
                say(f"{kind}, round {number + 1}, beside {hostile}: slowest {slowest:.0f} ms")
    return times


MEASURE = Measure(
    name="neighbours",
    question="How long does an organisation wait beside hostile ones?",
    run=run,
)
