"""Set-up of the checkout's virtual environment, for the Makefile; it needs only Python.

Usage: `python3 -m bot_deploy.venv .venv requirements.txt`.
"""

import argparse
import os
import platform
import sys
from pathlib import Path

from luggage.buildpex import BuildError, LockedVenv

# What the locks have wheels for; tests/acceptance/test_locks.py asks the index.
PYTHONS = ((3, 11), (3, 12), (3, 13), (3, 14))
INTERRUPTED = 130  # a shell's exit code for Ctrl-C
MACHINES = {"Linux": ("x86_64", "aarch64"), "Darwin": ("arm64",)}


def main(argv: list[str]) -> int:
    """Set up a virtual environment from lock files; 1 when a step fails."""
    parser = argparse.ArgumentParser(
        prog="python -m bot_deploy.venv",
        description="Make a virtual environment with exactly the packages in the lock files.",
    )
    parser.add_argument("place", type=Path, help="the virtual environment")
    parser.add_argument("locks", type=Path, nargs="+", help="lock files, with versions and hashes")
    options = parser.parse_args(argv)
    venv = LockedVenv(place=options.place, environ=os.environ, tell=_tell)
    try:
        venv.set_up(options.locks)
    except KeyboardInterrupt:
        print("Set-up interrupted; the next run starts over", file=sys.stderr)
        return INTERRUPTED
    except BuildError as error:
        print(f"Set-up failed: {error}", file=sys.stderr)
        if not has_wheels():
            print(_NO_WHEELS, file=sys.stderr)
        return 1
    return 0


def has_wheels() -> bool:
    """Return whether the locks have wheels for this Python on this machine."""
    return (
        sys.version_info[:2] in PYTHONS
        and sys.implementation.name == "cpython"
        and platform.machine() in MACHINES.get(platform.system(), ())
        and (platform.system() != "Linux" or platform.libc_ver()[0] == "glibc")
    )


_NO_WHEELS = (
    "Nothing is compiled, and there are wheels for CPython 3.11 to 3.14 on Linux with glibc"
    " (x86-64, aarch64) and macOS (arm64): name such a Python, make PYTHON=python3.12, or run"
    " the bot in a container, docs/howto/deploy.md"
)


def _tell(line: str) -> None:
    print(f"- {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
