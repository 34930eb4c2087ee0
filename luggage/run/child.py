"""First steps of a child: leave the terminal to its parent, and end when the parent ends.

On Linux the kernel signals the parent's death (PR_SET_PDEATHSIG, prctl(2)), even after `kill -9`.
Elsewhere a thread polls the parent's pid. An inherited pipe would not work, because Twisted closes
all descriptors that it does not know.
"""

import ctypes
import os
import signal
import sys
import threading

# The variable that holds the supervisor's pid.
SUPERVISOR = "SUPERVISOR_PID"

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.5


def leave_terminal() -> None:
    """Start a session, so that only the supervisor gets the terminal's Ctrl-C and hang-up.

    The supervisor starts children with SIGINT blocked; a Ctrl-C that came while Python was loading
    is dropped here. Call it in the main thread, before anything sets signal handlers. Safe to
    repeat.
    """
    if os.getpgid(0) != os.getpid():
        os.setsid()
    # Ignoring a signal drops a pending one (sigaction(2)).
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.signal(signal.SIGINT, signal.default_int_handler)


def end_with_parent(parent: int) -> None:
    """Have SIGTERM sent to this process, but not its forks, when its parent `parent` ends."""
    if not _set_death_signal():
        threading.Thread(target=_watch, args=(parent,), name="end-with-parent", daemon=True).start()
    if os.getppid() != parent:  # the parent ended before the signal was set
        os.kill(os.getpid(), signal.SIGTERM)


def _set_death_signal() -> bool:
    if sys.platform != "linux":
        return False
    status: int = ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    return status == 0


def _watch(parent: int) -> None:
    never = threading.Event()
    while os.getppid() == parent:
        never.wait(_POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
