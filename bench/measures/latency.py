"""Latency: the time from a delivery to the first call at GitHub, when idle.

The delivery is a merged pull request of an unknown member. The bot stores it, answers, wakes its
loop and claims it; its rule then asks GitHub about the member. The Probot app asks the same in its
handler.
"""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import servers
from bench.bot import POSTGRESQL, SQLITE, Site, running
from bench.delivery import Delivery, closed_pull_request
from bench.measure import Measure, Size, Table
from bench.postgresql import running_postgresql
from bench.processes import scratch, until
from bench.say import say
from bench.simulated import Github, simulated
from bench.spread import percentile, ratio

PROBOT = "Probot 14"
HEAD = ("server", "p50 ms", "p99 ms", "slowest ms", "p50 against Probot")
# By then both processes have a token, and the bot has read its settings.
_WARM_UP = 8
_SPACED_SECONDS = (0.2, 0.5)


@dataclass(frozen=True)
class Contestant:
    """A server that receives deliveries at `hook`, and the GitHub that it calls."""

    hook: str
    github: Github

    def first_call_ms(self, login: str) -> float:
        """Deliver a new member's merge; returns the time until GitHub's call, or FailedError."""
        began_at = self.github.member_merges(login, self.hook)
        until(lambda: self._called(login), f"{self.hook} asks for {login}", pause_seconds=0.005)
        return 1000 * (self._called(login)[0] - began_at)

    def _called(self, login: str) -> list[float]:
        calls = self.github.of_installations()
        return [call.at for call in calls if call.path.endswith(f"/{login}")]


def run(size: Size) -> Table:
    """Measure both databases and Probot; raises UnavailableError without Node.js or network."""
    return measured((PROBOT, SQLITE, POSTGRESQL), rounds=size.of(80, 5))


def measured(names: Sequence[str], *, rounds: int, early: int = _WARM_UP) -> Table:
    """Measure these, after `early` rounds of warm-up; the first is the baseline."""
    with scratch("latency") as home, running_all(names, home) as every:
        for number in range(early):
            _round(every, f"early-{number}")
        results = [_round(every, f"member-{number}") for number in range(rounds)]
    times = {name: [one[name] for one in results] for name in names}
    against = {name: ratio(times[name], times[names[0]]) for name in names[1:]}
    figures = {}
    for name, compared in against.items():
        figures[f"latency.{name.lower()}_p50_against_probot"] = compared.middle
        figures[f"latency.{name.lower()}_slowest_ms"] = max(times[name])
    return Table(
        head=HEAD,
        rows=[
            (
                name if name == PROBOT else f"**the bot, {name}**",
                *(f"{percentile(times[name], percent):.1f}" for percent in (50, 99, 100)),
                str(against.get(name, "1")),
            )
            for name in names
        ],
        notes=[f"{rounds} deliveries each, in turn; nothing else was to be done."],
        figures=figures,
    )


def _round(every: Mapping[str, Contestant], login: str) -> dict[str, float]:
    """One delivery each, one at a time, in random order."""
    times = {}
    for name in random.sample(list(every), k=len(every)):
        times[name] = every[name].first_call_ms(login)
        time.sleep(random.uniform(*_SPACED_SECONDS))
    say(", ".join(f"{name} {milliseconds:.1f} ms" for name, milliseconds in times.items()))
    return times


@contextmanager
def running_all(names: Sequence[str], home: Path) -> Iterator[dict[str, Contestant]]:
    """All of them, ready, each with its own GitHub."""
    with ExitStack() as stack:
        contestants = {}
        for name in names:
            place = home / name.replace(" ", "-")
            place.mkdir()
            contestants[name] = stack.enter_context(_contestant(name, place))
        yield contestants


@contextmanager
def _contestant(name: str, home: Path) -> Iterator[Contestant]:
    with ExitStack() as stack:
        github = stack.enter_context(simulated())
        if name == PROBOT:
            server = stack.enter_context(servers.probot(home, GITHUB_API_URL=github.address))
            servers.wait(server, Delivery(closed_pull_request()))
            yield Contestant(server.url, github)
            return
        url = f"sqlite:///{home / 'bot.sqlite'}"
        if name == POSTGRESQL:
            url = stack.enter_context(running_postgresql()).new_database()
        site = Site(home, url, {"GITHUB_API_URL": github.address, "BOT_SETTLE_SECONDS": "0"})
        bot = stack.enter_context(running(site, "start"))
        bot.wait("/readyz")
        yield Contestant(bot.hook, github)


MEASURE = Measure(
    name="latency",
    question="How long does it take from a delivery to the first call at GitHub?",
    run=run,
)
