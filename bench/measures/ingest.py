"""Ingest: the deliveries a second that the bot and its peers accept.

For work on a hot path, `python -m bench.measures.ingest sqlite probot` compares only the named
servers with the last of them, in six rounds, and writes nothing.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from bench import servers
from bench.bot import POSTGRESQL, SQLITE, Site
from bench.delivery import Delivery, closed_pull_request
from bench.measure import Measure, Size, Table
from bench.postgresql import running_postgresql
from bench.processes import scratch
from bench.report import shown
from bench.servers import Server
from bench.slices import Plan, interleaved, spoiled, warm_up
from bench.spread import ratio
from bench.wrk import Load, Slice, wrk

PROBOT = "probot"
SHARING = "probot_sharing"
EVERYBODY = (
    *("sqlite", "postgresql", PROBOT, SHARING, "gidgethub"),
    *("bare", "flask", "careful", "threads"),
)
# The servers that are measured under other loads.
SOME = ("sqlite", "postgresql", PROBOT, SHARING)
# GitHub opens a new connection for each delivery; so do proxies by default.
MAIN = Load(32)
OTHERS = (Load(8), Load(1), Load(32, kept=True), Load(8, kept=True), Load(1, kept=True))
HEAD = ("connections", "server", "before it answers", "requests/s", "against Probot", "p50 ms")


@dataclass(frozen=True)
class Part:
    """Servers under one load, compared with one of them."""

    names: Sequence[str]
    plan: Plan
    against: str = PROBOT


def run(size: Size) -> Table:
    """Measure all; raises UnavailableError without wrk, Node.js or network access."""
    main = Part(EVERYBODY, Plan(load=MAIN, rounds=size.of(12, 2), seconds=size.of(2, 1)))
    others = [Part(SOME, Plan(load=load, rounds=5, seconds=2)) for load in size.of(OTHERS, ())]
    return measured([main, *others], Delivery(closed_pull_request()))


def measured(parts: Sequence[Part], delivery: Delivery) -> Table:
    """Measure these parts; the first one provides the figures."""
    wrk()
    names = dict.fromkeys(name for part in parts for name in part.names)
    results = []
    with scratch("ingest") as home, running(list(names), home) as every:
        for server in every.values():
            servers.wait(server, delivery)
        warm_up(every, delivery, scratch=home)
        for part in parts:
            some = {name: every[name] for name in part.names}
            results.append(interleaved(some, delivery, part.plan, scratch=home))
    tables = zip(parts, results, strict=True)
    return Table(
        head=(*HEAD, "p99 ms"),
        rows=[row for part, slices in tables for row in rows(part, slices, every)],
        notes=[*lengths(parts), *complaints(results, every)],
        figures=figures(parts[0], results[0]),
    )


@contextmanager
def running(names: Sequence[str], home: Path) -> Iterator[dict[str, Server]]:
    """These servers, started; `servers.wait` waits until they are ready."""
    with ExitStack() as stack:
        every = {}
        for name in names:
            place = home / name
            place.mkdir()
            every[name] = stack.enter_context(_STARTERS[name](place))
        yield every


@contextmanager
def _on_postgresql(home: Path) -> Iterator[Server]:
    with (
        running_postgresql() as postgresql,
        servers.bot(POSTGRESQL, Site(home, postgresql.new_database())) as server,
    ):
        yield server


_STARTERS: dict[str, Callable[[Path], AbstractContextManager[Server]]] = {
    "sqlite": lambda home: servers.bot(SQLITE, Site(home, f"sqlite:///{home / 'bot.sqlite'}")),
    "postgresql": _on_postgresql,
    PROBOT: servers.clustered_probot,
    SHARING: servers.probot,
    "gidgethub": servers.gidgethub,
    **{name: partial(servers.wsgi, app=app) for name, app in servers.WSGI.items()},
}


def rows(
    part: Part, slices: Mapping[str, Sequence[Slice]], every: Mapping[str, Server]
) -> list[Sequence[str]]:
    """A row for each server, the fastest first."""
    theirs = _rates(slices[part.against])
    order = sorted(slices, key=lambda name: -median(_rates(slices[name])))
    return [
        (
            str(part.plan.load),
            every[name].shown,
            every[name].does,
            f"{median(_rates(slices[name])):,.0f}",
            "1" if name == part.against else str(ratio(_rates(slices[name]), theirs)),
            f"{median(one.p50_ms for one in slices[name]):.1f}",
            f"{median(one.p99_ms for one in slices[name]):.1f}",
        )
        for name in order
    ]


def figures(part: Part, slices: Mapping[str, Sequence[Slice]]) -> dict[str, float]:
    """The goals' figures, and each server's rate."""
    theirs = slices[part.against]
    values = {}
    for name in slices:
        values[f"ingest.{name}_per_second"] = median(_rates(slices[name]))
        if name != part.against:
            values[f"ingest.{name}_against_{part.against}"] = _middle(slices[name], theirs)
            p99 = ratio([one.p99_ms for one in slices[name]], [one.p99_ms for one in theirs])
            values[f"ingest.{name}_p99_against_{part.against}"] = p99.middle
    return values


def lengths(parts: Sequence[Part]) -> list[str]:
    """The lengths of the measurements, each with its loads."""
    loads: dict[str, list[str]] = {}
    for part in parts:
        loads.setdefault(part.plan.length(), []).append(str(part.plan.load))
    return [f"{length}: {'; '.join(some)}." for length, some in loads.items()]


def complaints(
    results: Sequence[Mapping[str, Sequence[Slice]]], every: Mapping[str, Server]
) -> list[str]:
    """A line for each server with refused or broken requests."""
    count = {name: sum(spoiled(slices.get(name, ())) for slices in results) for name in every}
    return [
        f"{every[name].name}: {number} requests were refused or ended without an answer."
        for name, number in count.items()
        if number
    ]


def _middle(ours: Sequence[Slice], theirs: Sequence[Slice]) -> float:
    return ratio(_rates(ours), _rates(theirs)).middle


def _rates(slices: Sequence[Slice]) -> list[float]:
    return [one.per_second for one in slices]


MEASURE = Measure(
    name="ingest",
    question="How many deliveries a second are accepted, and how long does each wait?",
    run=run,
)

if __name__ == "__main__":
    chosen = sys.argv[1:] or ["sqlite", PROBOT]
    plan = Plan(load=MAIN, rounds=6, seconds=3)
    part = Part(chosen, plan, against=chosen[-1])
    print(shown(measured([part], Delivery(closed_pull_request()))))
