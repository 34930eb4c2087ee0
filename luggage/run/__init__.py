"""Processes: how this one was started, what its children are, and who ends with whom.

The front door is light, because each child comes through it: nothing of Twisted or ncolony is
imported here. Who supervises imports `luggage.run.places` and `luggage.run.supervisor` beside it.

ncolony keeps processes alive, inside this interpreter and not as `twistd ncolony`: as a command it
would need a process more, a pid file, and its defaults (restarts backed off to an hour).
"""

from luggage.run.child import SUPERVISOR, end_with_parent, leave_terminal
from luggage.run.command import command_prefix
from luggage.run.errand import ErrandError, errand
from luggage.run.grace import GRACE_SECONDS, KILL_SECONDS

__all__ = [
    "GRACE_SECONDS",
    "KILL_SECONDS",
    "SUPERVISOR",
    "ErrandError",
    "command_prefix",
    "end_with_parent",
    "errand",
    "leave_terminal",
]
