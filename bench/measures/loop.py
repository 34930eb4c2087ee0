"""Loop: the rate of evaluated deliveries and performed actions, and of bare claims.

The loops are the bot's own processes. The measure pauses the bot, queues the work, starts the loops
and, once all have a heartbeat, resumes the bot. The time ends with the last job.
"""

import json
import random
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median

from sqlalchemy import Engine, text

from bench.bot import FROM_SOURCE, POSTGRESQL, Site
from bench.circumstances import ROOT
from bench.database import DATABASES, databases, deliveries, opened
from bench.delivery import EVENT, closed_pull_request
from bench.measure import Measure, Size, Table
from bench.processes import scratch, started, until
from bench.say import say
from bench.simulated import ORGANIZATION, REPOSITORY, Github, simulated
from bench.spread import ratio
from bot.events import DELIVERIES
from luggage.database import reading
from luggage.fake_github import faults
from luggage.jobs import NewJob, Queue, notifier

HEAD = ("database", "work", "loops and threads", "a second", "against")
# GitHub takes from 50 to some hundred milliseconds.
GITHUB_SECONDS = 0.1
MEMBER = "mara"
NOTHING = "deliveries that want nothing"
ACTIONS = "actions performed"
CLAIMS = "claims alone, one at a time"


@dataclass(frozen=True)
class Way:
    """A number of loops and threads; none means bare claims."""

    loops: int = 0
    threads: int = 0

    def __str__(self) -> str:
        loops = f"{self.loops} loop{'s' * (self.loops > 1)}"
        return f"{loops}, {self.threads} thread{'s' * (self.threads > 1)}" if self.loops else ""


BARE = Way()
ONE, TWO = Way(1, 4), Way(2, 4)


@dataclass(frozen=True)
class Place:
    """A database with the bot's tables, and the GitHub of its loops."""

    kind: str
    site: Site
    engine: Engine
    queue: Queue
    github: Github
    tag: list[int] = field(default_factory=lambda: [0])

    def prepare(self, number: int, work: str) -> None:
        """Queue deliveries that lead to this kind of work."""
        self.tag[0] += 1
        make = self._pings if work == ACTIONS else self._merges
        self.queue.put_all(make(number, f"slice{self.tag[0]}"))

    def _merges(self, number: int, tag: str) -> list[NewJob]:
        body = json.dumps(merge_of_a_member(self.github)).encode()
        return deliveries(number, tag, subject=REPOSITORY, body=body, kind=EVENT)

    def _pings(self, number: int, tag: str) -> list[NewJob]:
        """Each in its own issue, because the same issue would serialize them."""
        return [job for each in range(number) for job in self._ping(f"{tag}-{each}")]

    def _ping(self, tag: str) -> list[NewJob]:
        # A person of its own, because one person's commands have a rate.
        issue = self.github.open_issue(REPOSITORY, tag).payload["issue"]["number"]
        event, payload = self.github.comment(REPOSITORY, issue, tag, "/ping")
        body = json.dumps(payload).encode()
        return deliveries(1, tag, subject=f"{REPOSITORY}#{issue}", body=body, kind=event)

    def claim(self, number: int) -> float:
        """Claim jobs one after another; return the claims a second."""
        began = time.perf_counter()
        for _ in range(number):
            self.queue.claim([DELIVERIES], worker="bench", lease_seconds=3600.0)
        rate = number / (time.perf_counter() - began)
        with self.engine.begin() as connection:
            connection.execute(text("UPDATE job SET state = 'done' WHERE state = 'leased'"))
        return rate

    def loop(self, way: Way, work: str) -> float:
        """Let loops do all the work; return the deliveries, or actions, a second."""
        queue = DELIVERIES if work == NOTHING else "action"
        self.queue.pause()
        before = self._finished(queue)
        with beating(self, loops=way.loops, threads=way.threads):
            resumed = time.time()
            self.queue.resume()
            until(self.site.is_idle, "all is done", pause_seconds=0.1, timeout_seconds=300.0)
            ended = self._last_end()
        return (self._finished(queue) - before) / (ended - resumed)

    def heard(self, since: float) -> int:
        """The number of loops with a heartbeat since then."""
        return self.site.count("SELECT count(*) FROM beat WHERE beat_at >= :since", since=since)

    def _last_end(self) -> float:
        with reading(self.engine) as connection:
            return float(connection.execute(text("SELECT max(changed_at) FROM job")).scalar_one())

    def _finished(self, queue: str) -> int:
        query = "SELECT count(*) FROM job WHERE queue = :queue AND state IN ('done', 'ignored')"
        return self.site.count(query, queue=queue)


@contextmanager
def beating(place: Place, *, loops: int, threads: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run loops; yields once each has a heartbeat."""
    with ExitStack() as stack:
        began, processes = time.time(), []
        for number in range(loops):
            command = (*FROM_SOURCE, "loop", "--threads", str(threads))
            log = place.site.home / f"loop-{number}.log"
            process = started(command, log, place.site.environ, cwd=ROOT)
            processes.append(stack.enter_context(process))
        until(lambda: place.heard(began) >= loops, "the loops have a heartbeat")
        yield processes


def merge_of_a_member(github: Github) -> dict[str, object]:
    """GitHub's example of a closed pull request, as the merge of a member."""
    payload: dict[str, object] = json.loads(closed_pull_request())
    ours = github.merge_pull_request(REPOSITORY, MEMBER).payload
    for name in ("repository", "organization", "installation", "sender"):
        payload[name] = ours[name]
    pull_request = dict(json.loads(closed_pull_request())["pull_request"])
    same = {name: ours["pull_request"][name] for name in ("user", "merged", "state")}
    return {**payload, "pull_request": {**pull_request, **same}}


def run(size: Size) -> Table:
    """Measure both databases."""
    return measured(DATABASES, rounds=size.of(5, 1), merges=size.of(1000, 30), pings=size.of(40, 4))


def measured(kinds: Sequence[str], *, rounds: int, merges: int, pings: int) -> Table:
    """Measure these kinds of databases, with these numbers of deliveries a slice."""
    results = {kind: _slices(kind, rounds, merges, pings) for kind in kinds}
    return Table(
        head=HEAD,
        rows=[row for kind in kinds for row in rows(kind, results[kind])],
        notes=[_NOTE.format(rounds=rounds, merges=merges, pings=pings)],
        figures={
            name: each for kind in kinds for name, each in figures(kind, results[kind]).items()
        },
    )


_NOTE = (
    "{rounds} rounds, in each the ways in an order of chance. Deliveries that want nothing are "
    "{merges} merged pull requests of a known member (24 kB each): settings and memory are read, "
    "rules are asked, GitHub is not. Actions are those of {pings} `/ping`s, a reaction and a "
    "comment each, at a GitHub that takes 100 ms for an answer; the pace between writes (GitHub "
    "wants one a second in an installation) is switched off. The simulated GitHub and PostgreSQL "
    "run on the same cores."
)
Slices = Mapping[tuple[str, Way], list[float]]


def _slices(kind: str, rounds: int, merges: int, pings: int) -> Slices:
    every = [(NOTHING, way) for way in (BARE, Way(1, 1), ONE, Way(1, 8), *_two(kind))]
    every += [(ACTIONS, way) for way in (ONE, *_two(kind))]
    slices: dict[tuple[str, Way], list[float]] = {each: [] for each in every}
    with ExitStack() as stack:
        place = placed(kind, stack)
        place.prepare(1, NOTHING)
        place.loop(ONE, NOTHING)
        for number in range(rounds):
            for work, way in random.sample(every, k=len(every)):
                amount = pings if work == ACTIONS else merges
                place.prepare(amount, work)
                rate = place.loop(way, work) if way.loops else place.claim(amount)
                slices[work, way].append(rate)
                say(f"{kind}, round {number + 1}: {_name(work, way)}: {rate:.0f}/s")
    return slices


def _name(work: str, way: Way) -> str:
    return f"{work}, {way}" if way.loops else CLAIMS


def _two(kind: str) -> Sequence[Way]:
    return [TWO] if kind == POSTGRESQL else []


def placed(kind: str, stack: ExitStack) -> Place:
    """A database of this kind and a GitHub, until `stack` closes."""
    home = stack.enter_context(scratch("loop"))
    github = stack.enter_context(simulated())
    github.add_member(ORGANIZATION, MEMBER)
    github.faults.append(faults.plan(faults.slow(GITHUB_SECONDS), times=None))
    url = stack.enter_context(databases(kind, home))()
    settings = {
        "GITHUB_API_URL": github.address,
        "BOT_SETTLE_SECONDS": "0",
        "BOT_WRITE_LIMITS": "0 0 0",
    }
    engine = stack.enter_context(opened(url))
    queue = Queue(engine, clock=time.time, wake=notifier(engine, home / "wake"))
    return Place(kind, Site(home, url, settings), engine, queue, github)


def rows(kind: str, slices: Slices) -> list[Sequence[str]]:
    """The rows: deliveries against bare claims, actions against those of one loop."""
    lines: list[Sequence[str]] = []
    for (work, way), rates in slices.items():
        first = (work, BARE if work == NOTHING else ONE)
        against = "1" if way == first[1] else str(ratio(rates, slices[first]))
        name = work if way.loops else CLAIMS
        lines.append((kind, name, str(way), f"{median(rates):.0f}", against))
    return lines


def figures(kind: str, slices: Slices) -> dict[str, float]:
    """The goals' figures, and the rates of this machine."""
    name = kind.lower()
    values = {
        f"loop.{name}_against_claims": ratio(slices[NOTHING, ONE], slices[NOTHING, BARE]).middle,
        f"loop.{name}_claims_per_second": median(slices[NOTHING, BARE]),
        f"loop.{name}_decided_per_second": median(slices[NOTHING, ONE]),
        f"loop.{name}_performed_per_second": median(slices[ACTIONS, ONE]),
    }
    if kind == POSTGRESQL:
        for figure, work in (("two_against_one", ACTIONS), ("two_against_one_nothing", NOTHING)):
            values[f"loop.{figure}"] = ratio(slices[work, TWO], slices[work, ONE]).middle
    return values


MEASURE = Measure(
    name="loop",
    question="How many deliveries does the loop decide, and actions perform, in a second?",
    run=run,
)
