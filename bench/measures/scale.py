"""Scale: the processor time of one delivery, and the throughput of many processes.

It runs on PostgreSQL, with the bot's own processes. It posts deliveries that need no action to the
web process, then lets a loop evaluate them. The kernel reports the processor time of each, and of
PostgreSQL.
"""

import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import psycopg
import requests

from bench.bot import POSTGRESQL, Bot, running
from bench.delivery import Delivery, new_guid
from bench.footprint import family
from bench.measure import Measure, Size, Table
from bench.measures.loop import Place, beating, merge_of_a_member, placed
from bench.processes import FailedError, until
from bench.queueing import Demand, Layout
from bench.say import say

HEAD = (
    "web processes",
    "loops",
    "cores of the database",
    "deliveries/s, at most",
    "million a day",
    "what ends first",
    "ms at 80 % of that",
)
# Common layouts; then those that saturate a database of so many cores.
LAYOUTS = (Layout(2, 1, 1), Layout(2, 2, 2), Layout(4, 4, 4))
CORES = (4, 16, 64)
_LOAD = 0.8
_DAY_SECONDS = 86_400


def run(size: Size) -> Table:
    """Measure the demands, and derive the table."""
    return table(measured(number=size.of(1500, 60)))


def measured(*, number: int) -> Demand:
    """The demand of one delivery, the mean of `number`."""
    with ExitStack() as stack:
        place = placed(POSTGRESQL, stack)
        postmaster = _postmaster(place.site.database_url)
        delivery = Delivery(json.dumps(merge_of_a_member(place.github)).encode())
        with running(place.site, "gunicorn") as web:
            web.wait("/healthz")
            _post(web, delivery, 20)
            spent = _spent([web.process.pid, postmaster], lambda: _post(web, delivery, number))
        by_web = [each / number for each in spent]
        place.queue.pause()
        with beating(place, loops=1, threads=4) as processes:
            decided = _decider(place)
            spent = _spent([processes[0].pid, postmaster], decided)
        by_loop = [each / (number + 20) for each in spent]
    demand = Demand(web=by_web[0], loop=by_loop[0], database=by_web[1] + by_loop[1])
    say(f"scale: {demand}")
    return demand


def table(demand: Demand) -> Table:
    """The table for these demands."""
    layouts = [*LAYOUTS, *(filling(demand, cores) for cores in CORES)]
    return Table(
        head=HEAD,
        rows=[_row(demand, layout) for layout in layouts],
        notes=[
            _DEMANDS.format(demand=demand),
            "The last rows are as many processes as a database of so many cores can keep busy.",
        ],
        figures={
            "scale.web_ms": demand.web,
            "scale.loop_ms": demand.loop,
            "scale.database_ms": demand.database,
        },
    )


_DEMANDS = (
    "One delivery takes {demand.web:.2f} ms of a web process, {demand.loop:.2f} ms of a loop and "
    "{demand.database:.2f} ms of PostgreSQL's processors, as measured; it wants nothing."
)


def filling(demand: Demand, cores: int) -> Layout:
    """The fewest processes that saturate a database with that many cores."""
    rate = cores / demand.database
    return Layout(-int(-rate * demand.web // 1), -int(-rate * demand.loop // 1), cores)


def _row(demand: Demand, layout: Layout) -> Sequence[str]:
    rate, first = layout.carried(demand)
    return (
        str(layout.web),
        str(layout.loops),
        str(layout.database),
        f"{rate:.0f}",
        f"{rate * _DAY_SECONDS / 1e6:.1f}",
        first,
        f"{layout.milliseconds(demand, load=_LOAD):.1f}",
    )


def _spent(roots: Sequence[int], work: Callable[[], object]) -> list[float]:
    """The processor time that each of these and its descendants spend on the work, in ms."""
    before = [processor_ms(root) for root in roots]
    work()
    return [processor_ms(root) - each for root, each in zip(roots, before, strict=True)]


def processor_ms(root: int) -> float:
    """The processor time of a process and its descendants, including ended ones, in ms."""
    return sum(map(_own_ms, family([root])))


def _own_ms(pid: int) -> float:
    """User and system time, with that of reaped children (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return 1000 * sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _postmaster(url: str) -> int:
    """PostgreSQL's main process, the parent of the others."""
    plain = url.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(plain) as connection:
        stat = Path(f"/proc/{connection.info.backend_pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


def _post(web: Bot, delivery: Delivery, number: int) -> None:
    """Deliver `number` times, each on its own connection, as GitHub does."""
    for _ in range(number):
        headers = delivery.headers(new_guid())
        answer = requests.post(web.hook, data=delivery.body, headers=headers, timeout=30)
        if answer.status_code != requests.codes.accepted:
            raise FailedError(f"{web.hook} answered {answer.status_code}")


def _decider(place: Place) -> Callable[[], object]:
    def decide() -> None:
        place.queue.resume()
        until(
            place.site.is_idle,
            "all deliveries are evaluated",
            pause_seconds=1.0,
            timeout_seconds=300.0,
        )
        # The kernel counts in hundredths of a second; wait for the last one.
        time.sleep(0.1)

    return decide


MEASURE = Measure(
    name="scale",
    question="What would several machines carry, and what would end first?",
    run=run,
)
