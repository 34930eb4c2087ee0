"""The two processes that `start` and `demo` supervise, their output, and their end."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TextIO

from bot_deploy.config.handover import FOR_LIBRARIES, SECRET
from bot_deploy.config.sources import LOOP, WEB
from luggage.run import HANDED_OVER, SUPERVISOR, command_prefix
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


# The subcommand that runs each part.
SUBCOMMANDS = {WEB: "gunicorn", LOOP: "loop"}
_PRIVATE = {SUPERVISOR, HANDED_OVER, *SECRET, *FOR_LIBRARIES}


def entries(environ: Mapping[str, str], *, gunicorn: Sequence[str] = ()) -> list[ProcessEntry]:
    """Return the two processes, started the way this one was, with its environment.

    `gunicorn` are more arguments for the web process. The environment has no secret: each process
    gets those that it uses over a pipe (`bot_deploy.config.handover`).
    """
    prefix = command_prefix(
        executable=sys.executable, original=sys.orig_argv, arguments=sys.argv[1:]
    )
    names = [name for name, value in environ.items() if value and not _is_private(name)]
    arguments = {WEB: gunicorn, LOOP: ()}
    return [
        ProcessEntry(
            name=name,
            command=[*prefix, name, *arguments[part]],
            inherit=names,
            settings={SUPERVISOR: str(os.getpid())},
        )
        for part, name in SUBCOMMANDS.items()
    ]


def _is_private(name: str) -> bool:
    """Return whether a variable is for this process: a secret, its supervisor, a pex's files."""
    return name in _PRIVATE or name.startswith(("NCOLONY_", "_PEX_", "__PEX_"))
