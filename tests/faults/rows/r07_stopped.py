"""A loop that stops past its lease at each step, and then continues."""

import os
import signal
import time

from tests.faults.campaign import Row, Run
from tests.faults.load import Delivery, Town, judge
from tests.faults.site import Process, Site

_POINTS = (
    "claim:after", "decide:after", "queue:before", "queue:inside", "note:before", "note:after",
    "send:before", "send:after", "record:before",
)  # fmt: skip
# Between the last check of the clock and the first byte nothing is promised.
_TOO_LATE = "send:under way"
# Five seconds instead of sixty: it only matters that the stop is longer.
_TIMES = {
    "bot_deploy.wiring.loop:LEASE_SECONDS": 5.0,
    "bot.actions.invite:LOOK_SECONDS": 2.0,
    "bot.actions.write_once:SEND_SECONDS": 2.0,
    "bot.actions.write_once:ARRIVAL_SECONDS": 2.0,
    "bot.actions.write_once:READ_LAG_SECONDS": 2.0,
}
_LOCKED = "database is locked"
_REFUSED = "no longer held by claim"


def run(run: Run) -> None:
    """Each time one loop stops itself at work, another one works, and the first continues."""
    fake = run.github(read_lag_seconds=0.3)
    town = run.town(fake, 20)
    deliveries: list[Delivery] = []
    refused, blocks = 0, 0
    with run.site(fake, times={} if run.short else _TIMES) as site:
        site.web()
        for number in range(run.count):
            # The seed chooses the first point.
            point = _POINTS[(number + run.seed - 1) % len(_POINTS)]
            late, blocked = _stop(run, site, town, deliveries, point, number)
            refused, blocks = refused + late, blocks + blocked
            run.say(f"{number + 1} of {run.count} stops, at {point}; {refused} results refused")
        run.note(stops=run.count, late_results_refused=refused)
        run.note(waited_for_a_transaction=blocks)
        run.expect(refused, "no late result was refused, so nothing was shown")
        run.judge(fake, deliveries)
    if not run.short:
        _too_late(run)


def _too_late(run: Run) -> None:
    """Also measure what is not promised."""
    fake = run.github(read_lag_seconds=0.3)
    town = run.town(fake, 20)
    deliveries: list[Delivery] = []
    stops = max(1, run.count // 4)
    with run.site(fake, times=_TIMES) as site:
        site.web()
        for number in range(stops):
            _stop(run, site, town, deliveries, _TOO_LATE, number)
            run.say(f"{number + 1} of {stops} stops between the last check and the answer")
    found = judge(fake, deliveries)
    run.note(**{"not promised: stopped in the very send": stops, "then repeated": found.repeated})
    run.expect(not found.lost, "; ".join(found.examples))


def _stop(
    run: Run, site: Site, town: Town, deliveries: list[Delivery], point: str, number: int
) -> tuple[int, bool]:
    """Count late results that were refused, and waits for a transaction."""
    order = {"seed": f"{run.seed} {number}", "names": [point], "mean": 2, "act": "stop"}
    # One thread, so that it stops at this point and no other thread elsewhere.
    (first,) = site.loops(threads=1, orders={"point": order})
    batch = list(town.mixed(6, pings=2))
    deliveries += batch
    run.sender(site).post_all(batch)
    site.until(lambda: "stopped at" in first.output or not site.waiting(), "the loop stops")
    (second,) = site.loops()
    # On SQLite the stop may hit another thread of the loop in a transaction: then writes wait until
    # the stopped process continues or is killed.
    site.until(lambda: not site.waiting() or _LOCKED in second.output, "another does the work")
    blocked = _LOCKED in second.output
    os.kill(first.pid, signal.SIGCONT)
    time.sleep(1.0)
    run.expect(first.end() == 0, f"exit code {first.popen.returncode} after a stop at {point}")
    site.drained()
    second.end()
    return _count(first), blocked


def _count(process: Process) -> int:
    lines = process.output.splitlines()
    return sum(" WARNING " in line and _REFUSED in line for line in lines)


ROW = Row(
    name="stopped-past-its-lease",
    fault="a loop stopped (SIGSTOP) past its lease, then continued",
    target="fenced: its late result is refused",
    size="stops",
    full=45,
    short=3,
    run=run,
)
