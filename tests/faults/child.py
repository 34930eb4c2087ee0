"""Child processes of the campaign: the bot's own, prepared for a fault.

`python -m tests.faults.child SUBCOMMAND` runs `python -m bot_deploy SUBCOMMAND` after it has
applied the orders in the variable FAULTS: it shortens times, shifts the clock, adds a poisonous
rule, or sets a point where the process kills or stops itself. So the product needs no hooks for
tests.

`child reborn SUBCOMMAND` runs it repeatedly, each life a fork, until one exits normally (`again`:
forever). That allows hundreds of kills without loading the bot, which takes a second, each time.
"""

import ctypes
import importlib
import itertools
import json
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

ORDERS = "FAULTS"
_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Apply the orders, then run the subcommand; returns its exit code."""
    orders = json.loads(os.environ.get(ORDERS, "{}"))
    if arguments[0] in ("reborn", "again"):
        return Nursery(arguments[1:], orders, for_ever=arguments[0] == "again").run()
    obey(orders, life=0)
    return _subcommand(arguments)


def _subcommand(arguments: list[str]) -> int:
    entry = importlib.import_module("bot_deploy.__main__")
    return int(entry.main(["bot_deploy", *arguments], os.environ))


def obey(orders: Mapping[str, Any], *, life: int) -> None:
    """Apply the orders in this process, before the bot runs and if possible before it is loaded."""
    if "clock" in orders:
        bend_clock(orders["clock"])
    for name, value in orders.get("times", {}).items():
        set_time(name, value)
    if "memory" in orders:
        resource.setrlimit(resource.RLIMIT_AS, (orders["memory"], orders["memory"]))
    if orders.get("poison"):
        importlib.import_module("tests.faults.poison").install()
    if "point" in orders:
        _set_point(orders["point"], life)


def bend_clock(path: str) -> None:
    """Make time.time() run ahead by the seconds in a file, which is read at each call."""
    true_time = time.time

    def bent() -> float:
        with open(path) as file:  # noqa: PTH123  # a thousand times a second
            return true_time() + float(file.read() or 0)

    time.time = bent


def set_time(name: str, value: float) -> None:
    """Set `module:CONSTANT`, or `module:function.argument`, a default given by keyword."""
    module, _, rest = name.partition(":")
    target, _, argument = rest.partition(".")
    found: Any = importlib.import_module(module)
    if not argument:
        assert hasattr(found, target), name
        setattr(found, target, value)
        return
    function: Any = getattr(found, target)
    function = function.__init__ if isinstance(function, type) else function
    assert argument in function.__kwdefaults__, name
    function.__kwdefaults__[argument] = value


def _set_point(order: Mapping[str, Any], life: int) -> None:
    points = importlib.import_module("tests.faults.points")
    rng = random.Random(f"{order['seed']}/{life}")
    points.install(points.Strike(rng, order["names"], order["mean"], _ACTS[order["act"]]))


def _kill(name: str) -> None:
    os.write(2, f"\nfaults: killed at {name}\n".encode())
    os.kill(os.getpid(), signal.SIGKILL)


def _stop(name: str) -> None:
    os.write(2, f"\nfaults: stopped at {name}\n".encode())
    points = importlib.import_module("tests.faults.points")
    with points.nobody_sends(name):
        os.kill(os.getpid(), signal.SIGSTOP)


_ACTS: Mapping[str, Callable[[str], None]] = {"kill": _kill, "stop": _stop}


class Nursery:
    """Restarts a subcommand each time it was killed; SIGTERM ends the current life."""

    def __init__(self, arguments: list[str], orders: Mapping[str, Any], *, for_ever: bool) -> None:
        self._for_ever = for_ever
        self._arguments = arguments
        self._orders = orders
        self._child = 0
        self._ending = False

    def run(self) -> int:
        """Return the exit code of the first life that was not killed."""
        importlib.import_module(f"bot_deploy.{self._arguments[0]}")
        signal.signal(signal.SIGTERM, self._pass_on)
        for life in itertools.count():
            status = self._live(life)
            code = os.waitstatus_to_exitcode(status)
            if self._for_ever:
                os.write(2, f"\nfaults: ended {code}\n".encode())
            elif self._ending or not os.WIFSIGNALED(status):
                return code
        return 0

    def _live(self, life: int) -> int:
        parent = os.getpid()
        # A life starts with SIGTERM blocked: until it has its handler, it would use its parent's.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        self._child = os.fork()
        if not self._child:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
            obey(self._orders, life=life)
            os._exit(_subcommand(self._arguments))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        return os.waitpid(self._child, 0)[1]

    def _pass_on(self, number: int, _frame: object) -> None:
        self._ending = True
        os.kill(self._child, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
