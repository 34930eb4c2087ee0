"""Latency: from a delivery to the first call at GitHub, with nothing else to do.

The delivery is the merged pull request of a member whom nobody has met yet. The bot stores it,
answers, wakes its loop, claims it, and its rule asks GitHub whether that is a member; the Probot
app asks the same in its handler.
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
# Both of a server's processes have a token by then, and the bot has read its settings.
_WARM_UP = 8
_SPACED_SECONDS = (0.2, 0.5)


@dataclass(frozen=True)
class Contestant:
    """Who gets deliveries at `hook`, and the GitHub that is called then."""

    hook: str
    github: Github

    def first_call_ms(self, login: str) -> float:
        """Deliver a merge of that new member's; how long it takes until GitHub is asked.

        Raises FailedError where that never happens.
        """
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
    """Measure these, the first of which the others are compared with, after some `early` rounds."""
    with scratch("latency") as home, running_all(names, home) as every:
        for number in range(early):
            _round(every, f"early-{number}")
        found = [_round(every, f"member-{number}") for number in range(rounds)]
    times = {name: [one[name] for one in found] for name in names}
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
    """A delivery for each, in an order of chance, each when the one before has been dealt with."""
    found = {}
    for name in random.sample(list(every), k=len(every)):
        found[name] = every[name].first_call_ms(login)
        time.sleep(random.uniform(*_SPACED_SECONDS))
    say(", ".join(f"{name} {milliseconds:.1f} ms" for name, milliseconds in found.items()))
    return found


@contextmanager
def running_all(names: Sequence[str], home: Path) -> Iterator[dict[str, Contestant]]:
    """All of them, ready, each with a GitHub of its own."""
    with ExitStack() as stack:
        found = {}
        for name in names:
            place = home / name.replace(" ", "-")
            place.mkdir()
            found[name] = stack.enter_context(_contestant(name, place))
        yield found


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
