"""The two processes that `start` and `demo` supervise, their output, and their end."""

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
    """End with exit code 0 on these signals, until the supervisor handles them."""
    for number in numbers:
        signal.signal(number, lambda *_: sys.exit(0))


class Relay:
    """Writer of the children's lines to a stream; drops them after the stream was closed."""

    def __init__(self, stream: TextIO, log_format: str) -> None:
        self._stream = stream
        self._log_format = log_format

    def __call__(self, name: str, line: str) -> None:
        """Write a child's line."""
        with suppress(OSError, ValueError):
            self._stream.write(relay(self._log_format, name, line) + "\n")
            self._stream.flush()


def entries(environ: Mapping[str, str], *, gunicorn: Sequence[str] = ()) -> list[ProcessEntry]:
    """Return the two processes, started the way this one was, with its environment.

    `gunicorn` are more arguments for the web process. That process faces the internet, so it
    never gets the private key; the loop signs nobody in, so it never gets the client secret.
    """
    prefix = command_prefix(
        executable=sys.executable, original=sys.orig_argv, arguments=sys.argv[1:]
    )
    names = [name for name, value in environ.items() if value and not _is_private(name)]
    return [
        ProcessEntry(
            name=name,
            command=[*prefix, name, *arguments],
            inherit=[each for each in names if not each.startswith(secret)],
            settings={SUPERVISOR: str(os.getpid())},
        )
        for name, arguments, secret in (
            ("gunicorn", gunicorn, "GITHUB_PRIVATE_KEY"),
            ("loop", (), "GITHUB_CLIENT_SECRET"),
        )
    ]


def _is_private(name: str) -> bool:
    """Return whether a variable is about this process: its supervisor, or a pex's open files."""
    return name == SUPERVISOR or name.startswith(("NCOLONY_", "_PEX_", "__PEX_"))
