"""Operator's files: their bytes, and the text, values and places of a config.toml."""

import errno
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

CONFIG = "config.toml"
# Far more than any key, payload or configuration; a device never ends.
_MOST_BYTES = 64_000_000
# tomllib ends its messages with the place.
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


class UnusableTextError(ValueError):
    """A file whose text is not TOML; the message is one line: FILE:LINE:COLUMN and the remedy."""


def read_bytes(path: Path | Traversable) -> bytes:
    """Return the bytes of a file. Raises OSError, which names the file.

    A named pipe is refused, because nobody may ever write to it; a shell's `<(command)` is read.
    """
    with open_file(path) as file:
        content: bytes = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return content


def open_file(path: Path | Traversable) -> Any:
    """Return a file that is open for reading bytes. Raises OSError, also for a named pipe."""
    if isinstance(path, Path) and path.is_fifo() and not _is_of_a_shell(path):
        raise OSError(errno.EINVAL, "it is a named pipe, not a file", str(path))
    return path.open("rb")


def _is_of_a_shell(pipe: Path) -> bool:
    return os.path.realpath(pipe).startswith(("/proc/", "/dev/"))


@dataclass(frozen=True)
class ConfigFile:
    """A config.toml that was read: its name for messages, its text and its values."""

    source: str = CONFIG
    text: str = field(default="", repr=False)
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, source: str, raw: bytes) -> "ConfigFile":
        """Return the file with this content. Raises UnusableTextError."""
        try:
            text = raw.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            column = error.start - raw.rfind(b"\n", 0, error.start)
            problem = "(it is not UTF-8 text): fix it by hand"
        else:
            try:
                return cls(source, text, tomllib.loads(text))
            except RecursionError:
                line, column, problem = 1, 1, "(brackets are nested too deeply): fix it by hand"
            except ValueError as error:  # also a number with too many digits
                line, column, problem = _placed(str(error), text)
        raise UnusableTextError(f"{source}:{line}:{column}: it is not valid TOML {problem}")

    def at(self, *path: str) -> str:
        """Return FILE:LINE:COLUMN of a key, or of the table around it; FILE if neither is there."""
        from bot.options.toml_locations import locations  # noqa: PLC0415  only for mistakes

        known = locations(self.text)
        for length in range(len(path), 0, -1):
            if place := known.get(path[:length]):
                return f"{self.source}:{place[0]}:{place[1]}"
        return self.source

    def place(self, name: str) -> str:
        """Return FILE:LINE:COLUMN of a dotted name, as `at` does."""
        return self.at(*name.split("."))


def _placed(message: str, text: str) -> tuple[int, int, str]:
    """Return the line and the column in tomllib's message, and the rest of it with a remedy."""
    place = _PLACE.search(message)
    problem = f"({message[: place.start()] if place else message}): fix it by hand"
    if place is None or place[1] is None:
        last = text.rstrip("\n")
        return last.count("\n") + 1, len(last) - last.rfind("\n"), problem
    return int(place[1]), int(place[2]), problem
