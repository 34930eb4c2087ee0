"""What the bench is at: lines on stderr, so that stdout has the tables alone."""

import sys
import time

_BEGAN = time.monotonic()


def say(line: str) -> None:
    """Print a line, with the seconds since the start."""
    print(f"[{time.monotonic() - _BEGAN:6.1f} s] {line}", file=sys.stderr, flush=True)
