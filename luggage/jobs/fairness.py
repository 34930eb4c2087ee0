"""Fair shares: tenants, and the people within them, take turns. Pure.

A job counts against its tenant and its person. Each tenant has a fixed number of lanes, to which
people are hashed, so that a crowd costs a claim no more than a few people do (McKenney, "Stochastic
fairness queueing", INFOCOM 1990). Urgent jobs have lanes of their own, which go first within the
tenant. docs/decisions/0162 says why.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp, inf, log1p
from typing import NamedTuple

# The lanes of a tenant for its people, and as many again for urgent jobs.
PEOPLE_LANES = 64
URGENT, USUAL = 0, 1
# Another tenant that had a turn within this time may come again, so a thread is kept for it.
OTHERS_SECONDS = 600.0
# How fast a turn is forgotten: its weight falls to a third in this time.
MEMORY_SECONDS = 30.0
# Later usage is from before the clock was set back: no worker gives so many turns.
_LATEST_SECONDS = 20 * MEMORY_SECONDS


def lane_of(tenant: str, person: str, *, urgent: bool) -> str:
    """Return the lane of a job: the tenant, the rank, and the person's number in the tenant."""
    number = zlib.crc32(person.encode(errors="replace")) % PEOPLE_LANES
    return f"{tenant}/{rank_of(urgent=urgent)}/{number:02}"


def rank_of(*, urgent: bool) -> int:
    """Return the rank of a job: a lower one overtakes."""
    return URGENT if urgent else USUAL


def tenant_of(lane: str) -> str:
    """Return the tenant of a lane; "" for jobs of releases without lanes."""
    return lane.rpartition("/")[0].rpartition("/")[0]


def record_of(tenant: str) -> str:
    """Return the name under which the usage of a tenant is recorded, beside those of its lanes."""
    return f"{tenant}//"


def used(usage: float, now: float) -> float:
    """Return the usage after one more turn at `now`.

    The usage is a time: the logarithm of a sum in which a turn at t weighs exp(t / memory). After
    one turn that is the time of the turn; each further turn puts it later. Of two usages the
    smaller one is less at any time, so nothing has to be updated while nobody takes turns.
    """
    return now + MEMORY_SECONDS * log1p(exp((usage - now) / MEMORY_SECONDS))


def _rank_in(lane: str) -> str:
    return lane.rpartition("/")[0].rpartition("/")[2]


class Place(NamedTuple):
    """A lane in one of several queues; those with a lower number are searched first."""

    queue: int
    lane: str


class Turn(NamedTuple):
    """A place that may take a job, and the usage of its lane and its tenant after that."""

    place: Place
    lane_usage: float
    tenant_usage: float


@dataclass(frozen=True, kw_only=True)
class Shares:
    """The state that turns are decided from.

    `due` has the places with a job that may start, and since when. `leased` counts the leased jobs
    of each lane, in all workers; `own` those of each tenant in this worker. `usage` has what those
    tenants and their lanes have used, as recorded. Times are epoch seconds.
    """

    due: Mapping[Place, float]
    leased: Mapping[str, int] = field(default_factory=dict)
    own: Mapping[str, int] = field(default_factory=dict)
    usage: Mapping[str, float] = field(default_factory=dict)
    now: float

    def turns(self, limit: int, *, most_of_one: float = inf) -> list[Turn]:
        """Return up to `limit` turns, in order; a place may have several.

        Next is the tenant with the fewest leased jobs; of several the one that has used least
        lately. Within it urgent lanes go first, then the same holds for its lanes. A tenant
        gets at most `most_of_one` leases in this worker.
        """
        latest = self.now + _LATEST_SECONDS
        usage = {name: at for name, at in self.usage.items() if at <= latest}
        tenants = _tenants(self.due, self.leased, self.own, usage)
        turns: list[Turn] = []
        while len(turns) < limit:
            free = [tenant for tenant in tenants if tenant.own < most_of_one]
            if not free:
                break
            tenant = min(free, key=_Tenant.order)
            turns.append(tenant.take(self.now, alone=len(tenants) == 1))
        return turns


@dataclass
class _Lane:
    leased: int
    usage: float


@dataclass
class _Tenant:
    """The due lanes of a tenant, its leased jobs, and what it has used."""

    leased: int = 0
    own: int = 0
    usage: float = 0.0
    due: dict[Place, float] = field(default_factory=dict)
    lanes: dict[str, _Lane] = field(default_factory=dict)

    def order(self) -> tuple[int, float, float]:
        return self.leased, self.usage, min(self.due.values())

    def next_place(self) -> Place:
        def order(place: Place) -> tuple[str, int, float, int, float]:
            lane = self.lanes[place.lane]
            rank = _rank_in(place.lane)
            return rank, lane.leased, lane.usage, place.queue, self.due[place]

        return min(self.due, key=order)

    def take(self, now: float, *, alone: bool) -> Turn:
        place = self.next_place()
        lane = self.lanes[place.lane]
        lane.leased += 1
        lane.usage = _after(lane.usage, now, alone=len(self.lanes) == 1)
        self.leased, self.own = self.leased + 1, self.own + 1
        self.usage = _after(self.usage, now, alone=alone)
        return Turn(place, lane.usage, self.usage)


def _after(usage: float, now: float, *, alone: bool) -> float:
    """Return the usage after a turn; what nobody else waits for is free."""
    return max(usage, now) if alone else used(usage, now)


def _tenants(
    due: Mapping[Place, float],
    leased: Mapping[str, int],
    own: Mapping[str, int],
    usage: Mapping[str, float],
) -> list[_Tenant]:
    tenants = {tenant_of(place.lane): _Tenant() for place in due}
    for place, at in due.items():
        name = place.lane
        tenant = tenants[tenant_of(name)]
        tenant.due[place] = at
        tenant.lanes[name] = _Lane(leased.get(name, 0), usage.get(name, 0.0))
    for name, tenant in tenants.items():
        tenant.own, tenant.usage = own.get(name, 0), usage.get(record_of(name), 0.0)
    for name, count in leased.items():
        if tenant_of(name) in tenants:
            tenants[tenant_of(name)].leased += count
    return list(tenants.values())
