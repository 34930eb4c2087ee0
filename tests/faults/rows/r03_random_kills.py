"""Random kills of every process, the supervisor too, while deliveries come in."""

import contextlib
import os
import random
import signal
import threading
import time

from tests.faults.campaign import Row, Run
from tests.faults.load import ACCEPTED, Delivery, Town, meanwhile
from tests.faults.site import Process, Site, children, command_of

# A rate that two busy cores manage while they start a process every few seconds.
_PER_SECOND = 2.0
_BETWEEN_SECONDS = (0.5, 8.0)
_OF_START = 0.12
# Recovery fetches what was refused meanwhile; the operator's setting.
_SETTINGS = {"BOT_POLL_SECONDS": "15"}


def run(run: Run) -> None:
    """Post each delivery once; failures stay in GitHub's log."""
    fake = run.github(read_lag_seconds=0.3 if run.short else 4.0)
    town = run.town(fake, 60)
    deliveries: list[Delivery] = []
    killed: dict[str, int] = {}
    with run.site(fake, settings=_SETTINGS) as site:
        fake.webhook_url = f"http://127.0.0.1:{site.port}/webhook/github"
        supervisor = Supervised(site)
        site.until(site.answers, "the bot answers")
        seconds = run.size * 60
        with meanwhile(lambda stop: _kill(run.rng, supervisor, stop, killed)):
            _load(run, town, deliveries, seconds)
        supervisor.keep()
        refused = sum(not delivery.accepted for delivery in deliveries)
        for delivery in deliveries:
            delivery.statuses.append(ACCEPTED)  # each must be done, refused or not
        run.say(f"the kills are over: {killed}, {refused} refused, {site.waiting()} jobs wait")
        drained = _drained(site, deliveries)
        run.note(kills=sum(killed.values()), refused_and_fetched=refused, drained_after_s=drained)
        run.note(killed=" ".join(f"{name}:{count}" for name, count in sorted(killed.items())))
        run.judge(fake, deliveries)
        run.expect_in_time(drained <= 60.0, f"drained after {drained:.0f} s, not within 60 s")


class Supervised:
    """`start` and its supervisor: systemd, or a container's restart policy."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.process: Process = site.run("start")

    def keep(self) -> None:
        """Restart it if it is gone."""
        if not self.process.lives:
            self.process = self._site.run("start")

    def victims(self) -> dict[str, list[int]]:
        """The living processes by role."""
        found: dict[str, list[int]] = {"start": [self.process.pid]}
        for pid in children(self.process.pid):
            name = next((n for n in ("gunicorn", "loop") if n in command_of(pid)), "")
            if name:
                found.setdefault(name, []).append(pid)
                found.setdefault("worker", []).extend(children(pid))
        return {name: pids for name, pids in found.items() if pids}


def _kill(
    rng: random.Random, supervised: Supervised, stop: threading.Event, killed: dict[str, int]
) -> None:
    due = time.monotonic() + rng.uniform(*_BETWEEN_SECONDS)
    while not stop.wait(0.2):
        supervised.keep()
        if time.monotonic() < due:
            continue
        victims = supervised.victims()
        # Kill the parent less often, or nothing else would be killed.
        name = "start" if rng.random() < _OF_START else rng.choice(_others(victims))
        victim = rng.choice(victims[name])
        if victim == supervised.process.pid:
            supervised.process.kill()
        else:
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        killed[name] = killed.get(name, 0) + 1
        due = time.monotonic() + rng.uniform(*_BETWEEN_SECONDS)


def _others(victims: dict[str, list[int]]) -> list[str]:
    return sorted(set(victims) - {"start"}) or ["start"]


def _load(run: Run, town: Town, deliveries: list[Delivery], seconds: float) -> None:
    total = int(seconds * _PER_SECOND)
    began = time.monotonic()
    said = run.progress("delivered", total)
    for number, delivery in enumerate(town.mixed(total), 1):
        time.sleep(max(0.0, began + number / _PER_SECOND - time.monotonic()))
        sent = town.fake.hooks.send(
            delivery.event, delivery.headers, delivery.body, url=town.fake.webhook_url
        )
        delivery.statuses.append(sent.status)
        deliveries.append(delivery)
        said(number)


def _drained(site: Site, deliveries: list[Delivery]) -> float:
    """Wait until the queue has had all of them and is empty."""
    query = "SELECT count(*) FROM job WHERE queue = 'delivery'"
    wanted = len(deliveries)
    return site.until(
        lambda: site.ask(query)[0][0] >= wanted and not site.waiting(), "everything is done"
    )


ROW = Row(
    name="random-kills",
    fault="random kills of every process, also ncolony, under load",
    target="0 lost, 0 repeated, drained within 60 s after",
    size="minutes",
    full=30,
    short=0.15,
    run=run,
)
