"""The bot's processes as the campaign starts them: the product's own, and what a fault needs.

`python -m tests.faults.child SUBCOMMAND` is `python -m bot_deploy SUBCOMMAND`, after the orders in
the variable FAULTS were carried out: times are shortened, the clock is bent, a rule is poisoned, a
point is set at which the process kills or stops itself. So the product has no hook for its tests.
`child reborn SUBCOMMAND` runs it again and again, each life a fork of its own, until one ends in
order (`again`: for ever): hundreds of kills without hundreds of times the second that Python takes
to load the bot.
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
    """Carry the orders out, then be the subcommand; returns its exit code."""
    orders = json.loads(os.environ.get(ORDERS, "{}"))
    if arguments[0] in ("reborn", "again"):
        return Nursery(arguments[1:], orders, for_ever=arguments[0] == "again").run()
    obey(orders, life=0)
    return _subcommand(arguments)


def _subcommand(arguments: list[str]) -> int:
    entry = importlib.import_module("bot_deploy.__main__")
    return int(entry.main(["bot_deploy", *arguments], os.environ))


def obey(orders: Mapping[str, Any], *, life: int) -> None:
    """Carry the orders out in this process, before the bot is loaded or at least before it runs."""
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
    """Have time.time() run ahead by the seconds that a file holds, read anew at each call."""
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
    """Lets a subcommand live again each time it was killed; SIGTERM ends the life that is on."""

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
        # A life begins deaf: until it has its own way of ending it would have its parent's.
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
