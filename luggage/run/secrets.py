"""Secrets of a process: taken out of its environment, received over a pipe, hidden from others.

/proc/PID/environ and `ps e` show a process the environment that it was started with, also after it
has changed. So a process overwrites the memory that holds it, and a supervisor hands secrets to its
children over a pipe (docs/decisions/0159).
"""

import ctypes
import os
import sys
from collections.abc import Iterable, MutableMapping

# The variable with the number of the pipe's descriptor.
HANDED_OVER = "HANDED_OVER_FD"

_PR_SET_DUMPABLE = 4
# Ends what is handed over.
_END = b"\0"


class HandoverError(Exception):
    """The supervisor ended before it had handed over everything."""


def take_out(
    environ: MutableMapping[str, str], secret: Iterable[str], *, hidden: Iterable[str] = ()
) -> dict[str, str]:
    """Return the whole environment; remove the variables `secret` from `environ`.

    Their values are overwritten where other processes can read them. The variables `hidden` are
    overwritten there too, and stay in `environ`, for libraries. Safe to repeat. Call it before
    anything changes these variables: only the first value of a variable is overwritten.
    """
    before = dict(environ)
    for name in {*secret, *hidden} & before.keys():
        _overwrite(name)
        del environ[name]
    environ.update({name: before[name] for name in hidden if name in before})
    return before


def receive(environ: MutableMapping[str, str]) -> bytes | None:
    """Return what the supervisor hands over to this process; None if nobody does.

    Reads it to the end, and removes the variable, so that a second call returns None. Raises
    HandoverError if the pipe is gone, or was cut.
    """
    number = environ.pop(HANDED_OVER, "")
    if not number:
        return None
    try:
        with os.fdopen(int(number), "rb") as pipe:
            received = pipe.read()
    except (OSError, ValueError):
        received = b""
    if not received.endswith(_END):
        raise HandoverError("the supervisor has not handed over the settings: start it again")
    return received.removesuffix(_END)


def packed(secret: bytes) -> bytes:
    """Return the bytes for the pipe; the mark at their end shows that nothing was cut."""
    return secret + _END


def hide_memory() -> None:
    """Hide this process's memory and environment from other processes of its user, on Linux.

    Root still sees them, and debugs it. There are no core dumps. Forks inherit it; a program that
    is started afterwards does not. Safe to repeat.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _overwrite(name: str) -> None:
    """Overwrite a variable's value in the memory that the process was started with."""
    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_void_p
    address = libc.getenv(os.fsencode(name))
    if address:
        ctypes.memset(address, 0, len(ctypes.string_at(address)))
