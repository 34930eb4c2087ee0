"""Command `python -m tests.faults`: runs the fault campaign; `make faults` calls it.

Without arguments it runs every row in full size on its databases, and writes docs/reliability.md.
The exit code is 1 when a promise was not kept.
"""

import argparse
import signal
import sys
import time

from tests.faults import report
from tests.faults.campaign import Outcome, commit, perform, postgresql, rows, versions
from tests.faults.site import BOTH, POSTGRESQL


def main(argv: list[str]) -> int:
    """Run the requested rows."""
    # Exit on SIGTERM, so that child processes end, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    known = rows()
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--row", action="append", choices=known, help="this row alone; repeatable")
    parser.add_argument("--database", choices=BOTH, help="this database alone")
    parser.add_argument("--seed", type=int, default=1, help="of all that is left to chance")
    parser.add_argument("--short", action="store_true", help="the short form, as CI runs it")
    parser.add_argument("--size", type=float, help="in the row's own unit, in place of full")
    parser.add_argument("--no-write", action="store_true", help="leave docs/reliability.md alone")
    asked = parser.parse_args(argv)
    chosen = [known[name] for name in asked.row or known]
    todo = [(row, one) for row in chosen for one in row.databases if asked.database in (None, one)]
    say(f"seed {asked.seed}, commit {commit()}")
    outcomes = []
    with postgresql(any(one == POSTGRESQL for _, one in todo)) as server:
        measured_with = versions(server)
        say(measured_with)
        for row, database in todo:
            name = f"{row.name}, {database}"
            say(f"{name}: {row.fault}")
            outcome = perform(
                row,
                database,
                seed=asked.seed,
                short=asked.short,
                server=server,
                size=asked.size,
                say=lambda line, name=name: say(f"{name}: {line}"),
            )
            outcomes.append(outcome)
            conclude(outcome, name)
            if not (asked.short or asked.no_write):
                report.write([outcome], measured_with, known)
    return int(any(outcome.missed for outcome in outcomes))


def conclude(outcome: Outcome, name: str) -> None:
    """Print the outcome."""
    kept = "MISSED" if outcome.missed else "kept"
    say(f"{name}: {kept} in {outcome.seconds:.0f} s: {report.words(outcome.figures)}")


def say(line: str) -> None:
    """Print a line of progress."""
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
