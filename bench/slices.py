"""Interleaved slices of load: each round loads every server once, in random order."""

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

# A delivery that wrk gave up on is stored within this time.
_SETTLE_SECONDS = 10.0
_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A load, and the number and length of its slices."""

    load: Load
    rounds: int
    seconds: int

    def length(self) -> str:
        """The length in words."""
        return f"{self.rounds} rounds of slices of {self.seconds} s"


def interleaved(
    servers: Mapping[str, Server], delivery: Delivery, plan: Plan, *, scratch: Path
) -> dict[str, list[Slice]]:
    """The slices of each server; FailedError if one stored less than it accepted."""
    slices: dict[str, list[Slice]] = {name: [] for name in servers}
    for number in range(plan.rounds):
        for name in random.sample(list(servers), k=len(servers)):
            url = servers[name].url
            one = send(url, delivery, plan.load, seconds=plan.seconds, scratch=scratch)
            settle(servers[name], one, plan.load)
            slices[name].append(one)
        rates = ", ".join(f"{name} {done[-1].per_second:.0f}/s" for name, done in slices.items())
        say(f"{plan.load}, round {number + 1} of {plan.rounds}: {rates}")
    return slices


def warm_up(servers: Mapping[str, Server], delivery: Delivery, *, scratch: Path) -> None:
    """An uncounted slice for each server, which fills caches and connection pools."""
    interleaved(servers, delivery, Plan(load=Load(32), rounds=1, seconds=1), scratch=scratch)


def settle(server: Server, one: Slice, load: Load) -> None:
    """Check that the idle server stored what it accepted, and at most the rest in flight."""
    time.sleep(_PAUSE_SECONDS)
    if server.stored is None:
        return
    deadline = time.monotonic() + _SETTLE_SECONDS
    before, stored = -1, server.stored(one.prefix)
    while stored != before and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
        before, stored = stored, server.stored(one.prefix)
    most = one.answered + one.refused + one.broken + load.connections
    if not one.answered <= stored <= most:
        raise FailedError(f"{server.name} accepted {one.answered} and stored {stored}")


def spoiled(slices: Sequence[Slice]) -> int:
    """The number of requests that were refused or broken off."""
    return sum(one.refused + one.broken for one in slices)
