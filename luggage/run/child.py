"""What a child does first: leave the terminal to its parent, and end when the parent ends.

On Linux the kernel tells it (PR_SET_PDEATHSIG, prctl(2)), at once and even when the parent was
killed with -9. Elsewhere a thread looks who the parent is. Not chosen: an inherited pipe that
closes with the parent, because Twisted closes all descriptors of a child that it does not know.
"""

import ctypes
import os
import signal
import sys
import threading

# The variable that a supervisor sets for its children: its pid, the process they end with.
SUPERVISOR = "SUPERVISOR_PID"

_PR_SET_PDEATHSIG = 1
_LOOK_SECONDS = 0.5


def leave_terminal() -> None:
    """Start a session, so that a Ctrl-C or a hang-up reaches the supervisor alone, which ends us.

    The supervisor starts us with SIGINT blocked: a Ctrl-C that came while Python was still loading
    is dropped here. Call it in the main thread, before anything sets up signal handlers; a second
    call changes nothing.
    """
    if os.getpgid(0) != os.getpid():
        os.setsid()
    # Ignoring a signal drops one that is pending (sigaction(2)).
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.signal(signal.SIGINT, signal.default_int_handler)


def end_with_parent(parent: int) -> None:
    """Send ourselves SIGTERM when the process `parent`, which started us, ends; at once if it has.

    It holds for this process, not for children it forks: each calls it again.
    """
    if not _ask_kernel():
        threading.Thread(target=_watch, args=(parent,), name="end-with-parent", daemon=True).start()
    if os.getppid() != parent:  # it ended before we had asked
        os.kill(os.getpid(), signal.SIGTERM)


def _ask_kernel() -> bool:
    if sys.platform != "linux":
        return False
    status: int = ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    return status == 0


def _watch(parent: int) -> None:
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(_LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
