"""Command `python -m tests.mutants`: mutation tests; `make mutants` calls it.

Exit code 1: a mutant survives that docs/mutants.md does not argue, or some were not tried.
"""

import argparse
import sys

from tests.mutants.argued import PAGE, UnreadableError, argued
from tests.mutants.parts import TESTS, Part, part
from tests.mutants.results import Account
from tests.mutants.tester import FailedError, Tester

_INTERRUPTED = 130


def main(argv: list[str]) -> int:
    """Test the mutants of the requested parts."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="a package, or one of its files")
    parser.add_argument("--report", action="store_true", help="only report what runs have found")
    options = parser.parse_args(argv)
    try:
        parts = [part(name.rstrip("/")) for name in options.parts or TESTS]
    except LookupError as error:
        parser.error(error.args[0])
    try:
        settled = [_settled(each, report=options.report) for each in parts]
    except (FailedError, UnreadableError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; the next run continues here", file=sys.stderr)
        return _INTERRUPTED
    return int(not all(settled))


def _settled(each: Part, *, report: bool) -> bool:
    tester = Tester(each)
    if not report:
        tester.run()
    account = Account(each.name, tester.results(), argued(PAGE.read_text()))
    print("\n".join(account.lines()), flush=True)
    return account.settled


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
