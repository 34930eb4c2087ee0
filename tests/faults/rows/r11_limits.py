"""GitHub's rate limits: one installation hits the secondary one, another the primary one."""

import math
import threading
import time
from dataclasses import dataclass, field

from luggage.fake_github.faults import Fault
from luggage.fake_github.messages import Answer, Refused, Request
from tests.faults.campaign import Row, Run

_SECONDARY, _PRIMARY = "org0", "org1"
# Requests in flight when the limit was reported cannot be stopped.
_UNDER_WAY_SECONDS = 1.0
_PER_SECOND = 8.0
_LOOPS, _THREADS = 2, 4


def run(run: Run) -> None:
    """Two loops; limits come and go while deliveries of six installations stream in."""
    seconds = 3.0 if run.short else 30.0
    fake = run.github()
    town = run.town(fake, 6)
    limits = [Limited(_SECONDARY, seconds), Limited(_PRIMARY, seconds, primary=True)]
    fake.faults += [limit.plan for limit in limits]
    # Half of GitHub's budget of a minute would apply before its limits.
    with run.site(fake, settings={"BOT_WRITE_LIMITS": "0.02 100000 100000"}) as site:
        site.web()
        site.loops(_LOOPS, threads=_THREADS)
        sender = run.sender(site)
        posted = []
        for turn in range(run.count):
            for limit in limits:
                limit.begin_soon()
            run.say(f"{turn + 1} of {run.count} times limited")
            end = time.monotonic() + 2.0 * seconds
            while time.monotonic() < end:
                repository = town.repositories[len(posted) % len(town.repositories)]
                delivery = town.ping(repository, town.issue(repository))
                posted.append((delivery, time.time()))
                sender.post(delivery)
                time.sleep(1.0 / _PER_SECOND)
        run.note(drained_after_s=site.drained())
        run.note(times_limited=sum(limit.times for limit in limits))
        calls = sum(limit.calls for limit in limits)
        under_way = sum(limit.under_way for limit in limits)
        run.note(under_way=under_way, calls_while_limited=calls)
        early = [seconds for limit in limits for seconds in limit.early_s]
        run.expect_in_time(not calls, f"{calls} calls while limited, {early} s before its end")
        # On any machine each thread has at most one request in flight then.
        most = sum(limit.times for limit in limits) * _LOOPS * _THREADS
        run.expect(under_way + calls <= most, f"{under_way + calls} calls were refused")
        run.expect(all(limit.times for limit in limits), "no limit was met")
        _others(run, fake, posted)
        run.judge(fake, [delivery for delivery, _ in posted])


@dataclass
class Limited:
    """A limit of one installation, from its next request on, for some seconds."""

    owner: str
    seconds: float
    primary: bool = False
    times: int = 0
    calls: int = 0
    under_way: int = 0
    early_s: list[float] = field(default_factory=list)
    _soon: bool = False
    _began_at: float = 0.0
    _until: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin_soon(self) -> None:
        """Start the limit at the next request."""
        self._soon = True

    def plan(self, request: Request) -> Fault | None:
        """Refuse and count a request."""
        if not request.path.startswith((f"/repos/{self.owner}/", f"/orgs/{self.owner}/")):
            return None
        with self._lock:
            now = time.time()
            if self._soon:
                self._soon, self._began_at, self._until = False, now, float(int(now + self.seconds))
                self.times += 1
            elif now >= self._until:
                return None
            elif now < self._began_at + _UNDER_WAY_SECONDS:
                self.under_way += 1
            else:
                self.calls += 1
                self.early_s.append(round(self._until - now, 2))
            return Fault(name="limited", answer=self._answer(now))

    def _answer(self, now: float) -> Answer:
        if self.primary:
            headers = {
                "x-ratelimit-limit": "5000",
                "x-ratelimit-remaining": "0",
                "x-ratelimit-reset": str(int(self._until)),
                "x-ratelimit-resource": "core",
            }
            return Refused(403, "API rate limit exceeded", headers=headers).answer
        left = max(1, math.ceil(self._until - now))
        words = "You have exceeded a secondary rate limit."
        return Refused(403, words, headers={"retry-after": str(left)}).answer


def _others(run: Run, fake, posted) -> None:
    """The waits of the installations without a limit."""
    delays = []
    for delivery, at in posted:
        effect = delivery.effect
        if not effect.repository.startswith((_SECONDARY + "/", _PRIMARY + "/")):
            said = fake.comments(effect.repository, effect.number)
            delays += [c.created_at - at for c in said if effect.marker in c.body]
    run.note(longest_delay_of_others_s=max(delays))
    run.expect_in_time(max(delays) <= 5.0, f"other installations waited for {max(delays):.0f} s")


ROW = Row(
    name="limits",
    fault="primary and secondary limit",
    target="0 calls while limited, 0 lost; other installations go on",
    size="times",
    full=5,
    short=1,
    run=run,
)
