"""Progress messages on stderr; stdout has only the tables."""

import sys
import time

_BEGAN = time.monotonic()


def say(line: str) -> None:
    """Print a message with the seconds since the start."""
    print(f"[{time.monotonic() - _BEGAN:6.1f} s] {line}", file=sys.stderr, flush=True)
