"""Duplicate deliveries: at once, after success, after failure, after death."""

import threading
import time
from collections import Counter
from fnmatch import fnmatchcase
from functools import partial

from luggage.fake_github import faults
from luggage.fake_github.messages import Request
from luggage.jobs import Queue
from tests.faults.campaign import Row, Run
from tests.faults.load import Delivery, Sender, judge, together
from tests.faults.site import Site

_COPIES = 5
_FAILURES = 2
# By the organization's last digit comments succeed, fail at first, or are refused.
_COMMENTS = "/repos/org*[{}]/repo/issues/*/comments"
_FAILING, _REFUSED = _COMMENTS.format("147"), _COMMENTS.format("258")


def run(run: Run) -> None:
    """A third of each kind; one organization invites fifty people a day."""
    fake = run.github()
    town = run.town(fake, 10 if run.short else 30)
    failed = _at_first(faults.failed(502, done=False), path=_FAILING)
    refusal = faults.refused(403, "Resource not accessible by integration")
    refused = faults.plan(refusal, method="POST", path=_REFUSED, times=None)
    fake.faults += [failed, refused]
    deliveries = list(town.mixed(run.count))
    # The pace of one installation is not measured here.
    with run.site(fake, settings={"BOT_WRITE_LIMITS": "0.02 100000 100000"}) as site:
        site.web()
        site.loops(2)
        senders = [run.sender(site) for _ in range(_COPIES)]
        _all_at_once(run, senders, deliveries)
        _everything_again(senders[0], deliveries)  # most have not succeeded, some have failed
        site.drained()
        run.say(f"drained: {site.states()}")
        _everything_again(senders[0], deliveries)  # after success and after death
        time.sleep(1.0)
        site.drained()
        died = _dead(site)
        before = judge(fake, deliveries)
        run.note(posts=sum(len(delivery.statuses) for delivery in deliveries), dead=len(died))
        run.expect(died, "nothing died, so nothing was delivered again after death")
        run.expect(not before.repeated, "; ".join(before.examples))
        fake.faults.remove(refused)
        for job in died:
            Queue(site.engine, clock=time.time).revive(job)
        _everything_again(senders[0], deliveries)
        site.until(lambda: not site.waiting() and not _held(site), "what was revived is done")
        run.judge(fake, deliveries)


def _at_first(fault: faults.Fault, *, path: str) -> faults.Plan:
    """Each comment fails twice. None dies of that: revived, it would come after later ones."""
    lock = threading.Lock()
    seen: Counter[bytes] = Counter()

    def decide(request: Request) -> faults.Fault | None:
        if request.method != "POST" or not fnmatchcase(request.path, path):
            return None
        with lock:
            seen[request.body] += 1
            return fault if seen[request.body] <= _FAILURES else None

    return decide


def _all_at_once(run: Run, senders: list[Sender], deliveries: list[Delivery]) -> None:
    said = run.progress("posted five times", len(deliveries))
    for number, delivery in enumerate(deliveries, 1):
        together(*(partial(_post, sender, delivery) for sender in senders))
        said(number)


def _post(sender: Sender, delivery: Delivery) -> None:
    sender.post(delivery)
    sender.hang_up()


def _everything_again(sender: Sender, deliveries: list[Delivery]) -> None:
    for delivery in deliveries:
        sender.post(delivery)


def _dead(site: Site) -> list[int]:
    return [row[0] for row in site.ask("SELECT id FROM job WHERE state = 'dead' ORDER BY id")]


def _held(site: Site) -> int:
    return int(site.ask("SELECT count(*) FROM job WHERE state = 'held'")[0][0])


ROW = Row(
    name="duplicates",
    fault="each delivery five times in parallel, and again after success, failure, death",
    target="one effect each",
    size="deliveries",
    full=1_000,
    short=27,
    run=run,
)
