"""Throughput model of several processes and one database, from measured demands.

Uses the utilisation law and the bottleneck bound (Denning and Buzen, "The Operational Analysis of
Queueing Network Models", 1978), and Sakasegawa's approximation of M/M/c for the waiting time ("An
approximation formula", 1977). Pure.
"""

import math
from dataclasses import dataclass

WEB, LOOPS, DATABASE = "web", "loops", "database"


@dataclass(frozen=True)
class Demand:
    """The processor time of one delivery, in milliseconds."""

    web: float
    loop: float
    database: float


@dataclass(frozen=True)
class Layout:
    """The numbers of web and loop processes, one core each, and of the database's cores."""

    web: int
    loops: int
    database: int

    def limits(self, demand: Demand) -> dict[str, float]:
        """The deliveries a second that each part can process."""
        return {
            WEB: 1000 * self.web / demand.web,
            LOOPS: 1000 * self.loops / demand.loop,
            DATABASE: 1000 * self.database / demand.database,
        }

    def carried(self, demand: Demand) -> tuple[float, str]:
        """The deliveries a second of the whole, and the bottleneck."""
        limits = self.limits(demand)
        first = min(limits, key=limits.__getitem__)
        return limits[first], first

    def milliseconds(self, demand: Demand, *, load: float) -> float:
        """The time of a delivery, served and waiting, at `load` (a share of the maximum)."""
        rate = load * self.carried(demand)[0] / 1000
        served = [
            (self.web, demand.web),
            (self.loops, demand.loop),
            (self.database, demand.database),
        ]
        return sum(each + waiting(count, each, rate * each / count) for count, each in served)


def waiting(servers: int, service: float, busy: float) -> float:
    """The waiting time at utilisation `busy` (below 1), in the unit of `service`, its mean."""
    power = math.sqrt(2 * (servers + 1)) - 1
    return service * math.pow(busy, power) / (servers * (1 - busy))
