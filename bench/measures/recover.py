"""Recovery: the cost of a run when no delivery is missing.

GitHub's log has a day of deliveries that the queue already has. It measures three runs: the first
of a new database, the first after a start, and the regular one every five minutes.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import Engine, event

from bench.bot import private_key
from bench.database import DATABASES, databases, opened
from bench.delivery import SECRET, new_guid
from bench.measure import Measure, Size, Table
from bench.processes import FailedError, scratch
from bench.say import say
from bench.simulated import REPOSITORY
from bot.events import DELIVERIES
from bot.loop.periodic.recover import is_wanted
from bot.store.recovery import QueueInbox
from luggage.fake_github import FakeGithub
from luggage.github import GithubApp, Recovery
from luggage.jobs import NewJob, Queue

HEAD = ("database", "look", "ms", "requests", "of these free (304)", "transactions", "statements")
DAY_SECONDS = 86_400.0
NEVER, STARTED, AGAIN = "the first of all", "the first after a start", "without news"
_NAMES = {NEVER: "never_looked", STARTED: "after_a_start", AGAIN: "without_news"}


@dataclass
class Clock:
    """A clock that can be set back while deliveries are created."""

    behind_seconds: float = 0.0

    def __call__(self) -> float:
        """The time, in epoch seconds."""
        return time.time() - self.behind_seconds


@dataclass(frozen=True)
class Cost:
    """The cost of one run."""

    milliseconds: float
    requests: int
    free: int
    transactions: int
    statements: int

    def row(self) -> Sequence[str]:
        """The cost as cells of a row."""
        numbers = (self.requests, self.free, self.transactions, self.statements)
        return (f"{self.milliseconds:.0f}", *map(str, numbers))


def run(size: Size) -> Table:
    """Measure both databases, with a busy organisation's deliveries of a day."""
    return measured(DATABASES, delivered=size.of(7000, 120), turns=size.of(20, 3))


def measured(kinds: Sequence[str], *, delivered: int, turns: int) -> Table:
    """Measure these kinds of databases, with these numbers of deliveries and regular runs."""
    rows: list[Sequence[str]] = []
    figures: dict[str, float] = {}
    for kind in kinds:
        with scratch("recover") as home:
            costs = _looks(kind, home, delivered, turns)
        say(f"recover, {kind}: {costs}")
        rows += [(kind, look, *cost.row()) for look, cost in costs.items()]
        figures |= _figures(kind, costs)
    return Table(head=HEAD, rows=rows, notes=[_NOTE.format(delivered=delivered)], figures=figures)


_NOTE = (
    "GitHub's log holds {delivered} deliveries of the last day; a rule handles each, and the "
    "queue has them all. Requests are counted at the simulated GitHub, which answers at once; "
    "GitHub does not count those that it answers with 304. A check without news runs every "
    "five minutes; its time is the median."
)


def _figures(kind: str, costs: dict[str, Cost]) -> dict[str, float]:
    figures = {
        f"recover.requests_{_NAMES[look]}": float(cost.requests) for look, cost in costs.items()
    }
    for look, cost in costs.items():
        figures[f"recover.{kind.lower()}_{_NAMES[look]}_ms"] = cost.milliseconds
    return figures


def _looks(kind: str, home: Path, delivered: int, turns: int) -> dict[str, Cost]:
    clock = Clock()
    github = FakeGithub(
        private_key=private_key(),
        webhook_secret=SECRET,
        clock=clock,
        requests_per_hour=10_000_000,
    )
    with ExitStack() as stack:
        server = stack.enter_context(github.serve())
        engine = stack.enter_context(opened(stack.enter_context(databases(kind, home))()))
        queue = Queue(engine, clock=time.time)
        queue.put_all(_day(github, clock, delivered))
        look = _Look(github, engine, queue, server.url)
        recovery = look.recovery()
        first = {NEVER: look.cost(recovery.run), STARTED: look.cost(look.recovery().run)}
        recovery.run()
        costs = [look.cost(recovery.run) for _ in range(turns)]
    middle = median(cost.milliseconds for cost in costs)
    return {**first, AGAIN: replace(costs[-1], milliseconds=middle)}


def _day(github: FakeGithub, clock: Clock, delivered: int) -> list[NewJob]:
    """Fill GitHub's log with a day of comments, evenly spread; return their jobs."""
    repository = {"id": 1, "full_name": REPOSITORY}
    payload = {"action": "created", "repository": repository, "installation": {"id": 1}}
    guids = [new_guid() for _ in range(delivered)]
    for place, guid in enumerate(guids):
        clock.behind_seconds = DAY_SECONDS * (delivered - place) / delivered
        github.miss("issue_comment", payload, delivery_id=guid)
    clock.behind_seconds = 0.0
    return [NewJob(queue=DELIVERIES, key=guid, body=b"{}", run_at=0.0) for guid in guids]


@dataclass(frozen=True)
class _Look:
    """Runs recovery, and counts its cost."""

    github: FakeGithub
    engine: Engine
    queue: Queue
    url: str

    def recovery(self) -> Recovery:
        """The recovery of a freshly started process."""
        app = GithubApp(
            app_id=self.github.app_id,
            private_key=self.github.private_key,
            webhook_secrets=[SECRET],
            user_agent="bench",
            api_url=self.url,
            wait=None,
        )
        inbox = QueueInbox(
            engine=self.engine, queue=self.queue, clock=time.time, settle_seconds=0.0
        )
        inbox.begin()
        return Recovery(app.app_client, inbox, wants=is_wanted, clock=time.time)

    def cost(self, turn: Callable[[], int]) -> Cost:
        """Run recovery; raises FailedError if a delivery was missing."""
        counts, calls = {"begin": 0, "before_cursor_execute": 0}, len(self.github.calls)

        def counter(name: str) -> Callable[..., None]:
            def count(*_: Any) -> None:
                counts[name] += 1

            return count

        counters = {name: counter(name) for name in counts}
        for name, count in counters.items():
            event.listen(self.engine, name, count)
        began = time.perf_counter()
        missed = turn()
        milliseconds = 1000 * (time.perf_counter() - began)
        for name, count in counters.items():
            event.remove(self.engine, name, count)
        if missed:
            raise FailedError(f"recovery fetched {missed} deliveries that the queue already had")
        requests = self.github.calls[calls:]
        free = sum(call.status == HTTPStatus.NOT_MODIFIED for call in requests)
        return Cost(milliseconds, len(requests), free, *counts.values())


MEASURE = Measure(
    name="recover",
    question="What does it cost to look for missed deliveries when there are none?",
    run=run,
)
