"""What several processes and one database carry together: operational laws on measured demands.

The utilisation law and the bottleneck bound of Denning and Buzen ("The Operational Analysis of
Queueing Network Models", 1978), and for the waiting Sakasegawa's approximation of M/M/c ("An
approximation formula", 1977). Pure.
"""

import math
from dataclasses import dataclass

WEB, LOOPS, DATABASE = "web", "loops", "database"


@dataclass(frozen=True)
class Demand:
    """How much of a processor one delivery takes, in milliseconds."""

    web: float
    loop: float
    database: float


@dataclass(frozen=True)
class Layout:
    """So many web and loop processes, and a database with so many cores. A process has a core."""

    web: int
    loops: int
    database: int

    def limits(self, demand: Demand) -> dict[str, float]:
        """How many deliveries a second each part carries by itself."""
        return {
            WEB: 1000 * self.web / demand.web,
            LOOPS: 1000 * self.loops / demand.loop,
            DATABASE: 1000 * self.database / demand.database,
        }

    def carried(self, demand: Demand) -> tuple[float, str]:
        """How many deliveries a second all carry together, and which part is at its limit."""
        limits = self.limits(demand)
        first = min(limits, key=limits.__getitem__)
        return limits[first], first

    def milliseconds(self, demand: Demand, *, load: float) -> float:
        """How long a delivery is served and waits for processors, at a share `load` of the most."""
        rate = load * self.carried(demand)[0] / 1000
        served = [
            (self.web, demand.web),
            (self.loops, demand.loop),
            (self.database, demand.database),
        ]
        return sum(each + waiting(count, each, rate * each / count) for count, each in served)


def waiting(servers: int, service: float, busy: float) -> float:
    """How long is waited for one of `servers` that are `busy` so much of the time (below 1).

    In the unit of `service`, the mean time that one takes.
    """
    power = math.sqrt(2 * (servers + 1)) - 1
    return service * math.pow(busy, power) / (servers * (1 - busy))
