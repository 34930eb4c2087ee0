"""Command `python -m bench.jit ADDRESS`: claims a second on PostgreSQL, JIT off and on.

The bot's sessions switch JIT off (decision 0130). Slices of both kinds alternate, so that other
load on the machine affects both.
"""

import argparse
import time
from collections.abc import Sequence
from contextlib import ExitStack
from statistics import median
from typing import Any

from sqlalchemy import Engine, event

from bench.database import opened
from bench.measures.claims import Contestant
from bench.spread import ratio
from luggage.jobs import Queue


def main() -> None:
    """Print both rates and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.jit")
    parser.add_argument("address", help="of an empty database: postgresql://...")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--number", type=int, default=20, help="claims in a slice")
    options = parser.parse_args()
    off, on = measured(options.address, options.rounds, options.number)
    print(f"JIT off: {1 / median(off):.0f} claims/s; JIT on: {1 / median(on):.1f} claims/s")
    print(f"time of a claim, JIT on against off: {ratio(on, off)}")


def measured(address: str, rounds: int, number: int) -> tuple[Sequence[float], Sequence[float]]:
    """Return the seconds of a claim in each round, with JIT off and on."""
    with ExitStack() as stack:
        contestants = [stack.enter_context(opened(address)) for _ in range(2)]
        _switch_on(contestants[1])
        times: tuple[list[float], list[float]] = ([], [])
        for each in range(-1, rounds):
            for which, engine in enumerate(contestants):
                one = Contestant(0, engine, Queue(engine, clock=time.time))
                seconds = one.slice(number, f"{which}-{each}")
                # The extra first round fills caches and compiles statements.
                times[which].extend([seconds] if each >= 0 else [])
    return times


def _switch_on(engine: Engine) -> None:
    def switch_on(connection: Any, _record: object) -> None:
        connection.autocommit = True
        connection.execute("SET jit = on")
        connection.autocommit = False

    event.listen(engine, "connect", switch_on)
    engine.dispose()


if __name__ == "__main__":
    main()
