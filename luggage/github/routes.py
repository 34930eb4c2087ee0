"""Handler table: matches deliveries by event and fields, or by a command in a comment. No I/O."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from luggage.github.conversations import command_name, get_comment_body, parse_commands
from luggage.github.event_table import check_restrictions
from luggage.github.webhooks import Delivery

# fn(event, payload, client) and fn(command, event, payload, client); return values are ignored.
Handler = Callable[[str, dict[str, Any], Any], object]
CommandHandler = Callable[[list[str], str, dict[str, Any], Any], object]
# A handler bound to its delivery; it takes the client.
Call = Callable[[Any], object]

_COMMAND = re.compile(r"/[A-Za-z]\S*")
# What `changes` of issues.opened shows of an issue that came from another repository.
_TRANSFERS = ("old_issue", "old_repository")

# Commands count when a text is first posted, not after an edit.
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
    """Return a delivery's commands as word lists; bots give none, to prevent loops.

    Nor does a transferred issue, which was written, and answered, in another repository.
    """
    if (delivery.event, delivery.action) not in COMMAND_EVENTS:
        return []
    changes = delivery.payload.get("changes")
    if isinstance(changes, Mapping) and any(changes.get(name) for name in _TRANSFERS):
        return []
    if (delivery.payload.get("sender") or {}).get("type") == "Bot":
        return []
    try:
        return parse_commands(get_comment_body(delivery.event, delivery.payload))
    except ValueError:  # the payload lacks the text's object
        return []


class Routes:
    """Handlers, added at start and then read by any number of threads."""

    def __init__(self) -> None:
        self._handlers: list[tuple[str, Mapping[str, Any], Handler]] = []
        self._commands: list[tuple[str, CommandHandler]] = []

    def add(self, fn: Handler, event: str, restrictions: Mapping[str, Any]) -> None:
        """Call `fn` for `event` if each restricted top-level field has the given value.

        Raises ValueError for what GitHub never sends, TypeError for an `async` handler.
        """
        check_restrictions(event, restrictions)
        _refuse_async(fn)
        self._handlers.append((event, dict(restrictions), fn))

    def add_command(self, fn: CommandHandler, command: str) -> None:
        """Call `fn` for `command`, such as "/ping"; raises ValueError for other forms.

        Raises TypeError for an `async` handler.
        """
        _refuse_async(fn)
        if not _COMMAND.fullmatch(command):
            raise ValueError(
                f"{command!r} is not a command; use a slash and a word, such as '/ping'"
            )
        self._commands.append((command_name(command), fn))

    def matching(self, delivery: Delivery) -> Iterator[Call]:
        """Yield the handlers that match, bound to `delivery`, in the order they were added."""
        for event, restrictions, fn in self._handlers:
            if event == delivery.event and _all_match(delivery.payload, restrictions):
                yield _bind(fn, delivery)
        for words in commands_in(delivery) if self._commands else ():
            for command, command_fn in self._commands:
                if command == words[0]:
                    yield _bind_command(command_fn, list(words), delivery)


def _refuse_async(fn: Callable[..., object]) -> None:
    if inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(type(fn).__call__):
        raise TypeError(f"{fn!r} is async; handlers are plain functions, and nobody would await it")


def _all_match(payload: Mapping[str, Any], restrictions: Mapping[str, Any]) -> bool:
    return all(name in payload and payload[name] == value for name, value in restrictions.items())


def _bind(fn: Handler, delivery: Delivery) -> Call:
    return lambda client: fn(delivery.event, delivery.payload, client)


def _bind_command(fn: CommandHandler, words: list[str], delivery: Delivery) -> Call:
    return lambda client: fn(words, delivery.event, delivery.payload, client)
