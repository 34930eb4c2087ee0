"""A poisonous rule that fails in the way that an issue's text names."""

import os
import signal
import sys
from collections.abc import Callable, Mapping

import bot.rules
from bot.rule import Rule
from bot.rules.ping import PingSettings

_CHUNK = 64 * 1024 * 1024


def _raise() -> None:
    raise ValueError("poison")


def _loop() -> None:
    while True:
        pass


def _memory() -> None:
    hoard = []
    while True:
        hoard.append(bytearray(_CHUNK))


def _deep(depth: int = 0) -> int:
    return _deep(depth + 1) + 1


def _quit() -> None:
    sys.exit(1)


def _exit() -> None:
    os._exit(3)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


KINDS: Mapping[str, Callable[[], object]] = {
    "raise": _raise,
    "deep": _deep,
    "quit": _quit,
    "memory": _memory,
    "exit": _exit,
    "kill": _kill,
    "loop": _loop,
}


def _decide(event, _reader, _settings):
    words = event.message.text.split() if event.message else []
    if words[:1] == ["poison"]:
        KINDS[words[1]]()
    return []


def install() -> None:
    """Add the rule to this process's rules."""
    rule = Rule(
        name="poison",
        events=frozenset({("issues", "opened")}),
        settings=PingSettings,
        decide=_decide,
    )
    bot.rules.RULES = (*bot.rules.RULES, rule)
