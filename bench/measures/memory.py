"""Memory: all processes of the bot against both of Probot, after the same deliveries."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from bench import servers
from bench.bot import Site, running
from bench.delivery import Delivery, closed_pull_request
from bench.footprint import Footprint, family, footprint
from bench.measure import Measure, Size, Table
from bench.processes import scratch, until
from bench.say import say
from bench.simulated import Github, simulated
from bench.wrk import Load, send, wrk

HEAD = ("process", "PSS MiB", "RSS MiB", "PSS after a burst", "RSS after a burst")
Both = tuple[Sequence[Footprint], Sequence[Footprint]]
_NAMES = {"start": "ncolony (`start`)", "gunicorn": "web (`gunicorn`)", "loop": "loop"}
# Freed memory is returned within this time.
_REST_SECONDS = 2.0
_TIMEOUT_SECONDS = 300.0
_NOTE = (
    "Each had served {count} merged pull requests of members, and asked the simulated GitHub about "
    "each; then `wrk` sent what it could take over 32 connections. PSS: "
    "what processes share is split between them."
)


def run(size: Size) -> Table:
    """Measure; raises UnavailableError without wrk, Node.js or network access."""
    wrk()
    burst = Burst(Delivery(closed_pull_request()), seconds=size.of(5, 1))
    count = size.of(400, 20)
    with scratch("memory") as home, simulated() as github:
        theirs = of_probot(home, github, count, burst)
        ours = of_bot(home, github, count, burst)
    return table(ours, theirs, count)


def of_probot(home: Path, github: Github, count: int, burst: "Burst") -> Both:
    """The memory of Probot's processes, after the deliveries and after the burst."""
    with servers.probot(home, GITHUB_API_URL=github.address) as probot:
        servers.wait(probot, burst.delivery)
        one = Receiver(github, probot.url, probot.pids)
        return served(one, count), burst.after(one, home)


def of_bot(home: Path, github: Github, count: int, burst: "Burst") -> Both:
    """The memory of the bot's processes, at the same times."""
    settings = {"GITHUB_API_URL": github.address, "BOT_SETTLE_SECONDS": "0"}
    site = Site(home, f"sqlite:///{home / 'bot.sqlite'}", settings)
    with running(site, "start") as bot:
        bot.wait("/readyz")
        one = Receiver(github, bot.hook, [bot.process.pid], is_idle=site.is_idle)
        return served(one, count), burst.after(one, home)


@dataclass(frozen=True)
class Receiver:
    """A receiver of deliveries at `hook`: these processes and their children."""

    github: Github
    hook: str
    pids: Sequence[int]
    is_idle: Callable[[], bool] = lambda: True

    def footprints(self) -> list[Footprint]:
        """The memory of each process, once it is idle."""
        until(self.is_idle, "all is dealt with", timeout_seconds=_TIMEOUT_SECONDS)
        time.sleep(_REST_SECONDS)
        footprints = [footprint(pid) for pid in family(self.pids)]
        say(", ".join(f"{one.command}: {one.pss:.0f} MiB" for one in footprints))
        return footprints


def served(one: Receiver, count: int) -> list[Footprint]:
    """The memory after `count` deliveries, one after the other."""
    for number in range(count):
        one.github.member_merges(f"member-{number}", one.hook)
    return one.footprints()


@dataclass(frozen=True)
class Burst:
    """An overload for a while."""

    delivery: Delivery
    seconds: int

    def after(self, one: Receiver, home: Path) -> list[Footprint]:
        """The memory after the burst."""
        send(one.hook, self.delivery, Load(32), seconds=self.seconds, scratch=home)
        return one.footprints()


def table(ours: Both, theirs: Both, count: int) -> Table:
    """A row for each process and the sums, before and after the burst."""
    return Table(
        head=HEAD,
        rows=[
            *(_row(_named(one[0]), *([each] for each in one)) for one in _paired(ours)),
            _row("**the bot, all together**", *ours),
            *(_row("Probot 14", *([each] for each in one)) for one in _paired(theirs)),
            _row("Probot, both together", *theirs),
        ],
        notes=[_NOTE.format(count=count)],
        figures={
            "memory.bot_pss_mib": _pss(ours[0]),
            "memory.probot_pss_mib": _pss(theirs[0]),
            "memory.against_probot": _pss(ours[0]) / _pss(theirs[0]),
            "memory.after_burst_against_probot": _pss(ours[1]) / _pss(theirs[1]),
        },
    )


def _named(one: Footprint) -> str:
    return next((_NAMES[word] for word in _NAMES if word in one.command.split()), one.command)


def _paired(both: Both) -> list[tuple[Footprint, Footprint]]:
    """Each process before and after, paired by position."""
    return list(zip(*both, strict=True))


def _row(name: str, *times: Sequence[Footprint]) -> Sequence[str]:
    cells = ((f"{_pss(some):.1f}", f"{sum(one.rss for one in some):.1f}") for some in times)
    return (name, *chain.from_iterable(cells))


def _pss(some: Sequence[Footprint]) -> float:
    return sum(one.pss for one in some)


MEASURE = Measure(
    name="memory",
    question="How much memory do all processes take together?",
    run=run,
)
