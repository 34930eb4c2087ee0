"""Process supervision: how to start children, keep them alive and end them together.

This module imports neither Twisted nor ncolony, because every child process imports it. A
supervisor also imports `luggage.run.runtime_dirs` and `luggage.run.supervisor`.
docs/decisions/0040 says why ncolony runs inside this process.
"""

from luggage.run.child import SUPERVISOR, end_with_parent, leave_terminal
from luggage.run.child_task import ChildError, run_in_child
from luggage.run.command import command_prefix
from luggage.run.secrets import HANDED_OVER, HandoverError, hide_memory, receive, take_out
from luggage.run.shutdown_timeout import KILL_SECONDS, SHUTDOWN_TIMEOUT_SECONDS

__all__ = [
    "HANDED_OVER",
    "KILL_SECONDS",
    "SHUTDOWN_TIMEOUT_SECONDS",
    "SUPERVISOR",
    "ChildError",
    "HandoverError",
    "command_prefix",
    "end_with_parent",
    "hide_memory",
    "leave_terminal",
    "receive",
    "run_in_child",
    "take_out",
]
