"""Processes: how this one was started, what its children are, and who ends with whom.

This module imports neither Twisted nor ncolony, because every child process imports it. A
supervisor also imports `luggage.run.runtime_dirs` and `luggage.run.supervisor`.

ncolony keeps processes alive, inside this interpreter and not as `twistd ncolony`: as a command it
would need a process more, a pid file, and its defaults (restarts backed off to an hour).
"""

from luggage.run.child import SUPERVISOR, end_with_parent, leave_terminal
from luggage.run.child_task import ChildError, run_in_child
from luggage.run.command import command_prefix
from luggage.run.shutdown_timeout import GRACE_SECONDS, KILL_SECONDS

__all__ = [
    "GRACE_SECONDS",
    "KILL_SECONDS",
    "SUPERVISOR",
    "ChildError",
    "command_prefix",
    "end_with_parent",
    "leave_terminal",
    "run_in_child",
]
