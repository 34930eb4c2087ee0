"""What a process says about itself: log lines, and crash reports.

The standard library's logging, with two formats, and not structlog or loguru: every library that we
use logs through it already, so one configuration catches all of them.

What is logged may quote a stranger: a pull request's title, a branch name. So no character of a
message reaches a terminal that could move its cursor, change its colours, end the line or turn the
direction of reading (CWE-117, CWE-150).
"""

import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TextIO

from pythonjsonlogger.json import JsonFormatter

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

_NOTHING: Mapping[str, str] = MappingProxyType({})
_about: ContextVar[Mapping[str, str]] = ContextVar("log_context", default=_NOTHING)

# Each says, at INFO, what only its own developers want to know.
_CHATTY = ("alembic", "twisted", "urllib3")

# C0, DEL and C1 steer terminals; U+2028 and U+2029 end lines in some viewers; the bidirectional
# controls reorder what is read; lone surrogates cannot be written as UTF-8 at all.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_TEXT_LINE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z [A-Z]+ +(?P<name>\S+)\[\d+\] ")


def escape(text: str) -> str:
    r"""Return `text` as one printable line; a newline becomes the two characters `\n`.

    Backslashes are left as they are: the line is for reading, it is not meant to be decoded.
    """
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class log_context:  # noqa: N801  reads as the word it is
    """Put `what` (`delivery="…"`, `job=7`) on each line logged inside the block; blocks may nest.

    It is kept for each thread and each asyncio task by itself.
    """

    def __init__(self, **what: object) -> None:
        self._what = {name: str(value) for name, value in what.items()}

    def __enter__(self) -> None:
        self._token = _about.set({**_about.get(), **self._what})

    def __exit__(self, *_: object) -> None:
        _about.reset(self._token)


def configure_logging(
    log_format: str, *, name: str, stream: TextIO | None = None, level: int = logging.INFO
) -> None:
    """Send all logging to `stream` (None: stdout), a line each, with the process's `name` on it.

    `log_format` is "text" or "json". Calling it again replaces what the last call set up.
    """
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(_Json(name) if log_format == "json" else _Text(name))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))


def relay(log_format: str, name: str, line: str) -> str:
    """Return the line that the child `name` wrote, with the name on it, for its parent to pass on.

    A line made by `configure_logging` in the child stays as it is; anything else (a traceback of
    the interpreter, a message of the linker) is escaped and gets the name.
    """
    if log_format == "json":
        return line if _is_object(line) else json.dumps({"process": name, "message": line})
    line = escape(line)
    found = _TEXT_LINE.match(line)
    return line if found and found["name"] == name else f"{name}: {line}"


def configure_sentry(dsn: str, release: str | None = None) -> bool:
    """Send crash reports to `dsn`; return whether there is one to send to ("" switches them off).

    A report carries the kind of error, the stack, the delivery's id and the version, and nothing
    that identifies a person or could hold a secret: no text of an error, local variables, bodies,
    addresses, headers, arguments of log lines or host name.
    """
    if not dsn:
        return False
    import sentry_sdk  # noqa: PLC0415  some forty modules, which few installations want

    sentry_sdk.init(
        dsn,
        release=release,
        server_name="",
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        before_send=_before_send,
    )
    return True


# What a report may say beside the error itself. Whatever else a release of the SDK adds stays here.
_REPORTED = (
    "contexts",
    "environment",
    "event_id",
    "level",
    "logger",
    "modules",
    "platform",
    "release",
    "sdk",
    "timestamp",
    "transaction",
)


def _before_send(event: "Event", _hint: "Hint") -> "Event":
    kept: Any = {name: value for name, value in event.items() if name in _REPORTED}
    kept["tags"] = dict(_about.get())
    if method := event.get("request", {}).get("method"):
        kept["request"] = {"method": method}
    if template := event.get("logentry", {}).get("message"):
        kept["logentry"] = {"message": template}
    if "exception" in event:
        kept["exception"] = {"values": [_textless(each) for each in event["exception"]["values"]]}
    sent: Event = kept
    return sent


def _textless(exception: dict[str, Any]) -> dict[str, Any]:
    """Return it without its text, which quotes what went wrong: a payload, a statement, a name."""
    return {**exception, "value": "the text is in the log"}


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


class _Text(logging.Formatter):
    """`2026-11-21T10:35:36.123Z INFO    loop[42] bot.loop.run: message (delivery=…)`."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        process = f"{self._process}[{record.process}]"
        message = escape(record.getMessage())
        time = time.replace("+00:00", "Z")
        line = f"{time} {record.levelname:<7} {process} {record.name}: {message}"
        if what := ", ".join(f"{name}={escape(value)}" for name, value in _about.get().items()):
            line += f" ({what})"
        return "\n".join([line, *self._stack(record)])

    def _stack(self, record: logging.LogRecord) -> Iterator[str]:
        """Yield the lines of a traceback, indented, so that none can pass for a line of its own."""
        text = self.formatException(record.exc_info) if record.exc_info else ""
        for line in text.split("\n") if text else ():
            yield f"    {escape(line)}"


class _Json(JsonFormatter):
    """One object on each line; everything beyond ASCII and all control characters are escaped."""

    def __init__(self, process: str) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "traceback"},
            static_fields={"process": process},
            timestamp="time",
        )

    def add_fields(
        self,
        log_data: dict[str, object],
        record: logging.LogRecord,
        message_dict: dict[str, object],
    ) -> None:
        """Add the id of the process and what the line is about to python-json-logger's fields."""
        super().add_fields(log_data, record, message_dict)
        log_data["pid"] = record.process
        log_data.update(_about.get())
