"""SIGTERM in the middle of work, again and again."""

import os
import re
import signal
import time
from collections import Counter
from pathlib import Path

from luggage.run import KILL_SECONDS, SHUTDOWN_TIMEOUT_SECONDS
from tests.faults.campaign import Row, Run
from tests.faults.load import Delivery, meanwhile
from tests.faults.site import Site, children, is_gone

_PER_SECOND = 5.0
_WHOLE = 20  # one in so many is of `start`, with all that it has started


def run(run: Run) -> None:
    """Stop the loop alone first, then all processes together."""
    fake = run.github(read_lag_seconds=0.3)
    town = run.town(fake, 60)
    wholes = max(1, run.count // _WHOLE)
    alone = run.count - wholes
    deliveries: list[Delivery] = []
    # The short form keeps the product's times: no job is left to its lease.
    with run.site(fake, scaled=False) as site:
        web = site.web()
        with meanwhile(lambda stop: _load(run, site, town, deliveries, stop)):
            slowest, codes = _ends_of_loop(run, site, alone)
        web.end()
        with meanwhile(lambda stop: _load(run, site, town, deliveries, stop)):
            slowest_whole, whole_codes = _ends_of_all(run, site, wholes)
        site.web()
        site.loops()
        site.drained()
        repeated = _writes_repeated(fake.calls)
        twice = site.ask("SELECT count(*) FROM job WHERE attempt > 1")[0][0]
        run.note(
            ends_of_the_loop=alone,
            ends_of_everything=wholes,
            slowest_loop_s=round(slowest, 1),
            slowest_of_all_s=round(slowest_whole, 1),
            writes_repeated=repeated,
            jobs_tried_twice=twice,
        )
        run.expect(set(codes + whole_codes) == {0}, f"exit codes {Counter(codes + whole_codes)}")
        # The shutdown timeout, and a second for a busy machine.
        run.expect_in_time(
            slowest <= SHUTDOWN_TIMEOUT_SECONDS + 1, f"the loop took {slowest:.1f} s"
        )
        run.expect_in_time(slowest_whole <= KILL_SECONDS + 2, f"all took {slowest_whole:.1f} s")
        run.expect(not repeated, f"{repeated} writes were repeated")
        run.expect(not twice, f"{twice} jobs were tried twice")
        run.judge(fake, deliveries)


def _load(run, site, town, deliveries, stop):
    sender = run.sender(site)
    for delivery in town.mixed(10_000_000):
        if stop.wait(1.0 / _PER_SECOND):
            break
        deliveries.append(delivery)
        while sender.post(delivery) != 202 and not stop.wait(0.1):
            pass


def _ends_of_loop(run: Run, site: Site, count: int) -> tuple[float, list[int]]:
    nursery = site.run("again", "loop")
    said, slowest = run.progress("ends", count), 0.0
    for number in range(1, count + 1):
        site.until(lambda: _listening(nursery.pid), "the loop lives")
        (pid,) = children(nursery.pid)
        time.sleep(run.rng.uniform(0.0, 1.2))
        os.kill(pid, signal.SIGTERM)
        slowest = max(slowest, site.until(lambda pid=pid: is_gone(pid), "the loop is gone"))
        said(number)
    nursery.kill()
    codes = [line.split()[-1] for line in nursery.output.splitlines() if "faults: ended" in line]
    return slowest, [int(code) for code in codes]


def _listening(nursery: int) -> bool:
    """Whether the loop has started and handles SIGTERM."""
    for pid in children(nursery):
        status = Path(f"/proc/{pid}/status").read_text()
        blocked, caught = (
            int(re.search(rf"{name}:\s*([0-9a-f]+)", status)[1], 16) >> (signal.SIGTERM - 1) & 1
            for name in ("SigBlk", "SigCgt")
        )
        return bool(caught and not blocked)
    return False


def _ends_of_all(run: Run, site: Site, count: int) -> tuple[float, list[int]]:
    slowest, codes = 0.0, []
    for _ in range(count):
        bot = site.run("start")
        site.until(site.answers, "the bot answers")
        time.sleep(run.rng.uniform(0.5, 3.0))
        began = time.monotonic()
        codes.append(bot.end())
        slowest = max(slowest, time.monotonic() - began)
    return slowest, codes


def _writes_repeated(calls) -> int:
    writes = Counter(
        (call.method, call.path, str(call.body))
        for call in calls
        if call.method != "GET" and "access_tokens" not in call.path
    )
    return sum(count - 1 for count in writes.values())


ROW = Row(
    name="sigterm",
    fault="SIGTERM under load",
    target="out within its grace, no work repeated",
    size="times",
    full=200,
    short=6,
    run=run,
)
