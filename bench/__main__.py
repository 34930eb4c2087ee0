"""Command `python -m bench [NAME ...]`: measures and writes docs/performance.md.

Without names it measures everything, which takes about 25 minutes on an otherwise idle machine. The
short form takes seconds for each measure, prints, and writes nothing.
"""

import argparse
import signal
import sys
import time
from collections.abc import Sequence

from bench import report
from bench.circumstances import circumstances
from bench.measure import Measure, Size, UnavailableError
from bench.measures import all_measures
from bench.processes import FailedError
from bench.say import say


def main(argv: Sequence[str]) -> int:
    """Measure; returns 1 if a measure failed (the page keeps the others), 2 for wrong usage."""
    # Exit on SIGTERM, so that child processes end, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    known = all_measures()
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"what to measure: {', '.join(known)}")
    parser.add_argument("--short", action="store_true", help="take seconds for each, write nothing")
    options = parser.parse_args(argv)
    if unknown := [name for name in options.name if name not in known]:
        parser.error(f"there is no measure {unknown[0]!r}: {', '.join(known)}")
    chosen = [known[name] for name in options.name or known]
    command = " ".join(["python -m bench", *options.name, *["--short"] * options.short])
    failed = [each.name for each in chosen if not measured(each, Size(options.short), command)]
    if failed:
        print(f"python -m bench: not measured: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def measured(measure: Measure, size: Size, command: str) -> bool:
    """Run one measure, print it and (in full size) write it; False if it failed."""
    began = time.monotonic()
    say(f"{measure.name}: {measure.question}")
    try:
        table = measure.run(size)
    except (UnavailableError, FailedError) as error:
        say(f"{measure.name} failed: {error}")
        return False
    say(f"{measure.name}: {time.monotonic() - began:.0f} s")
    print(report.shown(table))
    if not size.short:
        page = report.update(
            report.PAGE.read_text(), {measure.name: (table, circumstances(command))}
        )
        report.PAGE.write_text(page)
    return True


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
