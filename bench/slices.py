"""Slices of load, interleaved: in each round every server has its turn, in an order of chance."""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.delivery import Delivery
from bench.processes import FailedError
from bench.say import say
from bench.servers import Server
from bench.wrk import Load, Slice, send

# A delivery whose answer wrk did not wait for any more is stored within so long.
_SETTLE_SECONDS = 10.0
_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A load, and in how many rounds of slices of how many seconds it is put."""

    load: Load
    rounds: int
    seconds: int

    def length(self) -> str:
        """How long that is, for people."""
        return f"{self.rounds} rounds of slices of {self.seconds} s"


def interleaved(
    servers: Mapping[str, Server], delivery: Delivery, plan: Plan, *, scratch: Path
) -> dict[str, list[Slice]]:
    """The slices of each server, one for each round, in the order of the rounds.

    Raises FailedError where a server that stores has fewer deliveries than it accepted.
    """
    found: dict[str, list[Slice]] = {name: [] for name in servers}
    for number in range(plan.rounds):
        for name in random.sample(list(servers), k=len(servers)):
            url = servers[name].url
            one = send(url, delivery, plan.load, seconds=plan.seconds, scratch=scratch)
            settle(servers[name], one, plan.load)
            found[name].append(one)
        rates = ", ".join(f"{name} {done[-1].per_second:.0f}/s" for name, done in found.items())
        say(f"{plan.load}, round {number + 1} of {plan.rounds}: {rates}")
    return found


def warm_up(servers: Mapping[str, Server], delivery: Delivery, *, scratch: Path) -> None:
    """A slice for each server that nobody counts: interpreters compile, pools of connections fill.

    Raises FailedError as `interleaved` does.
    """
    interleaved(servers, delivery, Plan(load=Load(32), rounds=1, seconds=1), scratch=scratch)


def settle(server: Server, one: Slice, load: Load) -> None:
    """Hold the server to its promise, once it has come to rest.

    What it accepted is stored, and beyond that nothing but what was under way at the end. Raises
    FailedError where that is not so.
    """
    time.sleep(_PAUSE_SECONDS)
    if server.stored is None:
        return
    give_up_at = time.monotonic() + _SETTLE_SECONDS
    before, stored = -1, server.stored(one.prefix)
    while stored != before and time.monotonic() < give_up_at:
        time.sleep(_PAUSE_SECONDS)
        before, stored = stored, server.stored(one.prefix)
    most = one.answered + one.refused + one.broken + load.connections
    if not one.answered <= stored <= most:
        raise FailedError(f"{server.name} accepted {one.answered} and stored {stored}")


def spoiled(slices: Sequence[Slice]) -> int:
    """How many requests were refused or ended without an answer."""
    return sum(one.refused + one.broken for one in slices)
