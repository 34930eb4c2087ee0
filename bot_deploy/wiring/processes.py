"""What `start` and `demo` supervise, and how they end. Not a subcommand."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TextIO

from luggage.run import SUPERVISOR, command_prefix
from luggage.run.runtime_dirs import ProcessEntry
from luggage.telemetry.logs import relay


def end_with_0(*numbers: signal.Signals) -> None:
    """Make these signals an orderly end from now on, until the supervisor takes them over."""
    for number in numbers:
        signal.signal(number, lambda *_: sys.exit(0))


class Passing:
    """Writes the children's lines to a stream; one that has been closed ends the lines, not us."""

    def __init__(self, stream: TextIO, log_format: str) -> None:
        self._stream = stream
        self._log_format = log_format

    def __call__(self, name: str, line: str) -> None:
        """Write a child's line."""
        with suppress(OSError, ValueError):
            self._stream.write(relay(self._log_format, name, line) + "\n")
            self._stream.flush()


def entries(environ: Mapping[str, str], *, gunicorn: Sequence[str] = ()) -> list[ProcessEntry]:
    """Return the two processes, started as this one was, with its environment.

    `gunicorn` are further arguments of the web process, which never sees the private key: what the
    world can talk to need not be able to act for the App. People sign in there alone.
    """
    prefix = command_prefix(
        executable=sys.executable, original=sys.orig_argv, arguments=sys.argv[1:]
    )
    inherit = [name for name, value in environ.items() if value and not _is_ours(name)]
    settings = {SUPERVISOR: str(os.getpid())}
    for_web = [name for name in inherit if not name.startswith("GITHUB_PRIVATE_KEY")]
    for_loop = [name for name in inherit if not name.startswith("GITHUB_CLIENT_SECRET")]
    return [
        ProcessEntry(
            name="gunicorn",
            command=[*prefix, "gunicorn", *gunicorn],
            inherit=for_web,
            settings=settings,
        ),
        ProcessEntry(name="loop", command=[*prefix, "loop"], inherit=for_loop, settings=settings),
    ]


def _is_ours(name: str) -> bool:
    """Say whether a variable is about this process: its supervisor, or its open files (a pex)."""
    return name == SUPERVISOR or name.startswith(("NCOLONY_", "_PEX_", "__PEX_"))
