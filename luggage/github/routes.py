"""Which functions want a delivery: by event and fields, or by a command in a comment. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from luggage.github.commands import parse_commands
from luggage.github.conversations import get_comment_body
from luggage.github.webhooks import Delivery

# fn(event, payload, client) and fn(command, event, payload, client); what they return is not used.
Handler = Callable[[str, dict[str, Any], Any], object]
CommandHandler = Callable[[list[str], str, dict[str, Any], Any], object]
# A handler with its arguments filled in, all but the client.
Call = Callable[[Any], object]

_COMMAND = re.compile(r"/[A-Za-z]\S*")

# Where commands are read: when a thing is said for the first time, not each time it is edited.
COMMAND_EVENTS = frozenset(
    {
        ("issues", "opened"),
        ("pull_request", "opened"),
        ("issue_comment", "created"),
        ("pull_request_review_comment", "created"),
        ("pull_request_review", "submitted"),
    }
)


def commands_in(delivery: Delivery) -> list[list[str]]:
    """Return the commands a delivery gives, each as its words; none where a bot wrote it.

    A bot that answers with a command's name would otherwise talk to itself for ever.
    """
    if (delivery.event, delivery.action) not in COMMAND_EVENTS:
        return []
    if (delivery.payload.get("sender") or {}).get("type") == "Bot":
        return []
    try:
        return parse_commands(get_comment_body(delivery.event, delivery.payload))
    except ValueError:  # the payload lacks the object that should hold the text
        return []


class Routes:
    """The table of handlers; filled at start, then only read, by any number of threads."""

    def __init__(self) -> None:
        self._handlers: list[tuple[str, Mapping[str, Any], Handler]] = []
        self._commands: list[tuple[str, CommandHandler]] = []

    def add(self, fn: Handler, event: str, restrictions: Mapping[str, Any]) -> None:
        """Let `fn` be called for `event` when each restricted top-level field has its value."""
        self._handlers.append((event, dict(restrictions), fn))

    def add_command(self, fn: CommandHandler, command: str) -> None:
        """Let `fn` be called for `command`, such as "/ping"; raises ValueError for other forms."""
        if not _COMMAND.fullmatch(command):
            raise ValueError(f"{command!r} is no command: write a slash and a word, as in '/ping'")
        self._commands.append((command, fn))

    def matching(self, delivery: Delivery) -> Iterator[Call]:
        """Give the calls that `delivery` asks for, in the order in which they were added."""
        for event, restrictions, fn in self._handlers:
            if event == delivery.event and _all_match(delivery.payload, restrictions):
                yield _bind(fn, delivery)
        for words in commands_in(delivery) if self._commands else ():
            for command, command_fn in self._commands:
                if command == words[0]:
                    yield _bind_command(command_fn, list(words), delivery)


def _all_match(payload: Mapping[str, Any], restrictions: Mapping[str, Any]) -> bool:
    return all(name in payload and payload[name] == want for name, want in restrictions.items())


def _bind(fn: Handler, delivery: Delivery) -> Call:
    return lambda client: fn(delivery.event, delivery.payload, client)


def _bind_command(fn: CommandHandler, words: list[str], delivery: Delivery) -> Call:
    return lambda client: fn(words, delivery.event, delivery.payload, client)
