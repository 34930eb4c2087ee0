"""`python -m bench [NAME ...]`: measure, and write docs/performance.md; `make bench` calls it.

Without names everything is measured, which takes some 25 minutes and wants a machine that does
nothing else. The short form takes seconds for each measure, prints, and writes nothing.
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
    """Measure; 1 when something could not be measured, which is said in a line, 2 for wrong usage.

    What was measured until then is in the page.
    """
    # Told to end, it takes its processes along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    known = all_measures()
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"what to measure: {', '.join(known)}")
    parser.add_argument("--short", action="store_true", help="seconds for each, nothing written")
    asked = parser.parse_args(argv)
    if unknown := [name for name in asked.name if name not in known]:
        parser.error(f"there is no measure {unknown[0]!r}: {', '.join(known)}")
    chosen = [known[name] for name in asked.name or known]
    command = " ".join(["python -m bench", *asked.name, *["--short"] * asked.short])
    left_out = [each.name for each in chosen if not measured(each, Size(asked.short), command)]
    if left_out:
        print(f"python -m bench: not measured: {', '.join(left_out)}", file=sys.stderr)
    return int(bool(left_out))


def measured(measure: Measure, size: Size, command: str) -> bool:
    """Measure one thing, print it and (in full size) write it down; False where it cannot be."""
    began = time.monotonic()
    say(f"{measure.name}: {measure.question}")
    try:
        table = measure.run(size)
    except (UnavailableError, FailedError) as error:
        say(f"{measure.name} cannot be measured: {error}")
        return False
    say(f"{measure.name}: {time.monotonic() - began:.0f} s")
    print(report.shown(table))
    if not size.short:
        page = report.PAGE.read_text()
        placed = {measure.name: (table, circumstances(command))}
        report.PAGE.write_text(report.update(page, placed))
    return True


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
