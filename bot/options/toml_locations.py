"""Locations (line and column) of the keys in a TOML document, for error messages.

tomllib only locates syntax errors, and tomlkit locates nothing. This scanner reads text that
tomllib has accepted, so it only needs to know strings, comments, brackets and headers. A property
test compares its paths with tomllib's.
"""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from contextlib import suppress

Path = tuple[str | int, ...]

# No setting lies deeper, so deeper paths have no location: whole paths of deeply nested tables
# would take quadratic memory.
DEEPEST = 8

_BLANK = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_SPACE = re.compile(r"[ \t]*")
_NEWLINE = re.compile(r"\n")
_SCALAR = re.compile(r"[^,\]}#\r\n]+")
# Multi-line strings come first, and may end with up to two quotes of their own.
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")'
    r"|'''.*?'{3,5}(?!')"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_KEY = re.compile(rf"[A-Za-z0-9_-]+|{_STRING.pattern}", re.DOTALL)


def locations(text: str) -> Mapping[Path, tuple[int, int]]:
    """The line and column, counted from 1, of each key and list item in a TOML document.

    A table is located at its header. Paths of more than DEEPEST parts are left out. If tomllib
    cannot parse `text`, the result is meaningless, but nothing is raised. Pure.
    """
    scanner = _Scanner(text)
    with suppress(_InvalidError, RecursionError, ValueError):
        scanner.document()
    starts = [0, *(match.end() for match in _NEWLINE.finditer(text))]
    return {path: _line_and_column(starts, offset) for path, offset in scanner.offsets.items()}


def _line_and_column(starts: Sequence[int], offset: int) -> tuple[int, int]:
    """The line and column of an offset, from the offsets at which the lines start."""
    line = bisect_right(starts, offset)
    return line, offset - starts[line - 1] + 1


def _below(path: Path, *parts: str | int) -> Path:
    """The path of something inside; one that is too deep grows no longer."""
    return (*path, *parts)[: DEEPEST + 1]


class _InvalidError(Exception):
    """The text is not valid TOML."""


class _Scanner:
    """Scans the text once; `offsets` maps each path to its offset."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.offsets: dict[Path, int] = {}
        # The index of the last table of each `[[list]]`.
        self._last: dict[Path, int] = {}

    def document(self) -> None:
        """Scan headers and pairs to the end of the text."""
        table: Path = ()
        self._take(_BLANK)
        while self._at < len(self._text):
            if self._next("["):
                table = self._header()
            else:
                self._pair(table)
            self._take(_BLANK)

    def _header(self) -> Path:
        """`[a.b]` or `[[a.b]]`: the path of the pairs below it."""
        start, is_list = self._at, self._next("[[")
        self._at += 1 + is_list
        path = self._resolved([key for key, _ in self._keys()], start)
        self._at += 1 + is_list
        if is_list:
            self._last[path] = self._last.get(path, -1) + 1
            path = _below(path, self._last[path])
        self.offsets.pop(path, None)  # Headers of inner tables may have mentioned it.
        self._record(path, start)
        return path

    def _record(self, path: Path, offset: int) -> None:
        """Locate a path where it is written first, unless it is too deep."""
        if len(path) <= DEEPEST:
            self.offsets.setdefault(path, offset)

    def _resolved(self, keys: list[str], start: int) -> Path:
        """The path of a header; a list of tables stands for its last table."""
        path: Path = ()
        for key in keys:
            inside = (self._last[path],) if path in self._last else ()
            path = _below(path, *inside, key)
            self._record(path, start)
        return path

    def _pair(self, table: Path) -> None:
        path = table
        for key, offset in self._keys():
            path = _below(path, key)
            self._record(path, offset)
        self._expect("=")
        self._take(_SPACE)
        self._value(path)

    def _keys(self) -> list[tuple[str, int]]:
        """The parts of a dotted key, and their offsets."""
        keys = []
        while True:
            self._take(_SPACE)
            start = self._at
            keys.append((_plain(self._take(_KEY)), start))
            self._take(_SPACE)
            if not self._next("."):
                return keys
            self._at += 1

    def _value(self, path: Path) -> None:
        if self._next("["):
            self._list(path)
        elif self._next("{"):
            self._inline_table(path)
        else:
            self._take(_STRING if self._text[self._at : self._at + 1] in "\"'" else _SCALAR)

    def _list(self, path: Path) -> None:
        self._at += 1
        index = 0
        while not self._ends("]"):
            item = _below(path, index)
            self._record(item, self._at)
            self._value(item)
            index += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        while not self._ends("}"):
            self._pair(path)

    def _ends(self, bracket: str) -> bool:
        """Skip blanks and a comma; skip the closing bracket and return True if it follows."""
        self._take(_BLANK)
        if self._next(","):
            self._at += 1
            self._take(_BLANK)
        ends = self._next(bracket)
        self._at += ends
        return ends

    def _next(self, characters: str) -> bool:
        return self._text.startswith(characters, self._at)

    def _expect(self, characters: str) -> None:
        if not self._next(characters):
            raise _InvalidError
        self._at += len(characters)

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise _InvalidError
        self._at = match.end()
        return match[0]


def _plain(key: str) -> str:
    """A key without its quotes and escapes."""
    if key[0] not in "\"'":
        return key
    return str(tomllib.loads(f"key = {key}")["key"])
