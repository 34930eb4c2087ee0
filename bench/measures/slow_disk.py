"""Slow disk: the effect of 2 ms more for each sync on the bot's ingest."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from bench import servers
from bench.bot import POSTGRESQL, SQLITE, Site
from bench.delivery import Delivery, closed_pull_request
from bench.measure import Measure, Size, Table
from bench.postgresql import running_postgresql
from bench.processes import scratch
from bench.servers import Server
from bench.slices import Plan, interleaved, warm_up
from bench.slow_sync import slow_sync
from bench.spread import Ratio, ratio
from bench.wrk import Load, Slice, wrk

DELAY_MS = 2.0
DATABASES = (SQLITE, POSTGRESQL)
HEAD = ("database", "requests/s on the disk as it is", "with slower syncs", "ratio", "p99 ms")

_NOTE = (
    f"Each fsync and fdatasync took {DELAY_MS:g} ms longer, by a library (LD_PRELOAD) in the "
    "web process or, with PostgreSQL, in the database's own processes."
)


def run(size: Size) -> Table:
    """Measure both databases; raises UnavailableError without wrk or a C compiler."""
    plan = Plan(load=Load(32), rounds=size.of(12, 2), seconds=size.of(2, 1))
    return measured(DATABASES, plan, Delivery(closed_pull_request()))


def measured(databases: Sequence[str], plan: Plan, delivery: Delivery) -> Table:
    """Measure these databases, each on the normal disk and on a slow one."""
    wrk()
    with scratch("slow") as home, running(databases, home) as every:
        for server in every.values():
            servers.wait(server, delivery)
        warm_up(every, delivery, scratch=home)
        slices = interleaved(every, delivery, plan, scratch=home)
    return table(slices, plan)


def table(slices: Mapping[str, Sequence[Slice]], plan: Plan) -> Table:
    """A row and a figure for each measured database."""
    ratios = {name: _ratio(slices, name) for name in DATABASES if name in slices}
    return Table(
        head=HEAD,
        rows=[row(name, slices, against) for name, against in ratios.items()],
        notes=[f"{plan.length()}: {plan.load}.", _NOTE],
        figures={f"slow_disk.{name.lower()}_against_fast": r.middle for name, r in ratios.items()},
    )


def row(name: str, slices: Mapping[str, Sequence[Slice]], against: Ratio) -> Sequence[str]:
    """The rates of a database on both disks."""
    fast, slow = slices[name], slices[_slow(name)]
    return (
        name,
        f"{median(_rates(fast)):,.0f}",
        f"{median(_rates(slow)):,.0f}",
        str(against),
        f"{median(one.p99_ms for one in fast):.1f} / {median(one.p99_ms for one in slow):.1f}",
    )


@contextmanager
def running(databases: Sequence[str], home: Path) -> Iterator[dict[str, Server]]:
    """The bot's web process on each database, with normal and with slow syncs."""
    slower = slow_sync(home, DELAY_MS)
    with ExitStack() as stack:
        every = {}
        for name in databases:
            for shown, environ in ((name, {}), (_slow(name), slower)):
                place = home / shown
                place.mkdir()
                every[shown] = stack.enter_context(_web(name, shown, place, environ))
        yield every


@contextmanager
def _web(name: str, shown: str, home: Path, environ: Mapping[str, str]) -> Iterator[Server]:
    with ExitStack() as stack:
        if name == POSTGRESQL:
            postgresql = stack.enter_context(running_postgresql(**environ))
            # PostgreSQL's server syncs, not its client.
            site = Site(home, postgresql.new_database())
        else:
            site = Site(home, f"sqlite:///{home / 'bot.sqlite'}", settings=environ)
        yield stack.enter_context(servers.bot(shown, site))


def _slow(name: str) -> str:
    return f"{name}, slower syncs"


def _ratio(slices: Mapping[str, Sequence[Slice]], name: str) -> Ratio:
    return ratio(_rates(slices[_slow(name)]), _rates(slices[name]))


def _rates(slices: Sequence[Slice]) -> list[float]:
    return [one.per_second for one in slices]


MEASURE = Measure(
    name="slow_disk",
    question="What is left of the ingest on a disk whose syncs take 2 ms longer?",
    run=run,
)
