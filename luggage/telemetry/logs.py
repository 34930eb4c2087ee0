"""Logging and crash reports of a process.

Messages may quote strangers: a pull request's title, a branch name. So control characters, line
ends and bidirectional controls are escaped (CWE-117, CWE-150). docs/decisions/0042 says why this is
the standard library's logging.
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
_fields: ContextVar[Mapping[str, str]] = ContextVar("log_context", default=_NOTHING)

# Libraries whose INFO lines are for their own developers.
_CHATTY = ("alembic", "twisted", "urllib3")

# C0, DEL and C1 control terminals; U+2028 and U+2029 end lines in some viewers; bidirectional
# controls reorder text; UTF-8 cannot encode lone surrogates.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_TEXT_LINE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z [A-Z]+ +(?P<name>\S+)\[\d+\] ")


def escape(text: str) -> str:
    r"""Return `text` as one printable line; a newline becomes the two characters `\n`.

    Backslashes stay as they are, so the line cannot be decoded again.
    """
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


class log_context:  # noqa: N801  a context manager, used like a function
    """Adds `fields` to each line logged in the block; blocks nest, and threads have their own."""

    def __init__(self, **fields: object) -> None:
        self._fields = {name: str(value) for name, value in fields.items()}

    def __enter__(self) -> None:
        self._token = _fields.set({**_fields.get(), **self._fields})

    def __exit__(self, *_: object) -> None:
        _fields.reset(self._token)


def configure_logging(
    log_format: str, *, name: str, stream: TextIO | None = None, level: int = logging.INFO
) -> None:
    """Send all logging to `stream` (None: stdout), one line each, with the process's `name`.

    `log_format` is "text" or "json". Calling it again replaces the last configuration.
    """
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(_Json(name) if log_format == "json" else _Text(name))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))


def relay(log_format: str, name: str, line: str) -> str:
    """Return a line of the child `name` for its parent's log.

    A line made by `configure_logging` in the child stays as it is. Any other line, such as a
    traceback of the interpreter, is escaped and prefixed with the name.
    """
    if log_format == "json":
        return line if _is_object(line) else json.dumps({"process": name, "message": line})
    line = escape(line)
    match = _TEXT_LINE.match(line)
    return line if match and match["name"] == name else f"{name}: {line}"


def configure_sentry(dsn: str, release: str | None = None) -> bool:
    """Send crash reports to `dsn`; return whether they are on ("" switches them off).

    A report has the error's type, the stack, the delivery's id and the version. It has nothing that
    identifies a person or could be secret: no error text, local variables, bodies, addresses,
    headers, log arguments or host name (docs/decisions/0043).
    """
    if not dsn:
        return False
    import sentry_sdk  # noqa: PLC0415  some forty modules, which few installations use

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


# Fields of a report besides the error. Fields that a later SDK adds are dropped.
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
    kept["tags"] = dict(_fields.get())
    if method := event.get("request", {}).get("method"):
        kept["request"] = {"method": method}
    if template := event.get("logentry", {}).get("message"):
        kept["logentry"] = {"message": template}
    if "exception" in event:
        kept["exception"] = {
            "values": [_without_text(each) for each in event["exception"]["values"]]
        }
    sent: Event = kept
    return sent


def _without_text(exception: dict[str, Any]) -> dict[str, Any]:
    """Remove an error's text, which may quote a payload, a statement or a name."""
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
        if fields := ", ".join(f"{name}={escape(value)}" for name, value in _fields.get().items()):
            line += f" ({fields})"
        return "\n".join([line, *self._stack(record)])

    def _stack(self, record: logging.LogRecord) -> Iterator[str]:
        """Yield a traceback's lines, indented, so that none can mimic a log line."""
        text = self.formatException(record.exc_info) if record.exc_info else ""
        for line in text.split("\n") if text else ():
            yield f"    {escape(line)}"


class _Json(JsonFormatter):
    """One JSON object on each line, in ASCII, with control characters escaped."""

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
        """Add the process id and the fields of `log_context` to python-json-logger's fields."""
        super().add_fields(log_data, record, message_dict)
        log_data["pid"] = record.process
        log_data.update(_fields.get())
