"""GitHub's faults: done but 502, timeouts, resets, and lagging lists."""

import random
import threading

from luggage.fake_github import faults
from luggage.fake_github.faults import Fault
from luggage.fake_github.messages import Answer, Request
from tests.faults.campaign import Row, Run
from tests.faults.load import meanwhile

_SHARE = 0.1  # of each of the three kinds
_LONGEST_LAG = 5.0
_SILENCE_SECONDS = 20.0  # the client waits for fifteen
_SHORT_TIMES = {"luggage.github.transport:READ_SECONDS": 0.4}


def run(run: Run) -> None:
    """Every request may fail, also those for tokens and lookups."""
    scale = 0.06 if run.short else 1.0
    fake = run.github()
    town = run.town(fake, 10 if run.short else 50)
    deliveries = list(town.mixed(run.count))
    fake.faults.append(plan(run.rng, _SILENCE_SECONDS * (0.05 if run.short else 1.0)))
    with run.site(fake, times=_SHORT_TIMES if run.short else {}) as site:
        site.web()
        site.loops(1, threads=16 if not run.short else 12)

        def lag(stop: threading.Event) -> None:
            while not stop.wait(0.5 * scale):
                fake.world.read_lag_seconds = run.rng.uniform(0.0, _LONGEST_LAG * scale)

        with meanwhile(lag):
            run.sender(site).post_all(deliveries, again_seconds=0.5)
            run.note(drained_after_s=site.drained())
        struck = [call.fault for call in fake.calls if call.fault]
        run.note(requests=len(fake.calls), struck=len(struck))
        run.judge(fake, deliveries)
        dead = sum(n for name, n in site.states().items() if name.endswith("dead"))
        run.note(dead=dead)


def plan(rng: random.Random, silence_seconds: float) -> faults.Plan:
    """Draw a fault for each request."""
    lock = threading.Lock()
    page = Answer(502, {"message": "Server Error"})
    done_502 = Fault(name="done, then 502", done=True, answer=page)
    quiet = {"delay_seconds": silence_seconds, "hang_up": "close"}
    silences = [
        Fault(name="done, then silence", done=True, **quiet),
        Fault(name="silence", **quiet),
    ]
    resets = [Fault(name="done, then reset", done=True, hang_up="reset"), faults.reset(done=False)]

    def decide(_request: Request) -> Fault | None:
        with lock:
            drawn, kind = rng.random(), rng.randrange(2)
        if drawn < _SHARE:
            return done_502
        if drawn < 2 * _SHARE:
            return silences[kind]
        return resets[kind] if drawn < 3 * _SHARE else None

    return decide


ROW = Row(
    name="github-faults",
    fault='GitHub: 10 % "done, then 502", 10 % time-outs, 10 % resets, read lag 0 to 5 s',
    target="0 lost, 0 repeated",
    size="deliveries",
    full=1_000,
    short=24,
    run=run,
)
