"""Where the keys of a TOML document stand: line and column of each, for errors that lead there.

tomllib gives a place for what it cannot read, and none for what it can; tomlkit has no places at
all. This is a scanner for text that tomllib has read, so it need not judge: it only has to know
strings, comments, brackets and headers. A property test compares its paths with tomllib's values.
"""

import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_SCALAR = re.compile(r"[^,\]}#\r\n]+")
# The long ones first: three quotes are never an empty text and one more. A long one may end with up
# to two quotes of its own.
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")'
    r"|'''.*?'{3,5}(?!')"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_KEY = re.compile(rf"[A-Za-z0-9_-]+|{_STRING.pattern}", re.DOTALL)


def places(text: str) -> Mapping[Path, tuple[int, int]]:
    """Line and column, counted from 1, of each key and each item of a list in a TOML document.

    `text` must be what tomllib can read; for anything else the result is of no use, but no error.
    A table that has a header stands at its header. Pure.
    """
    scanner = _Scanner(text)
    with suppress(_Lost, RecursionError):
        scanner.document()
    return {path: position(text, offset) for path, offset in scanner.found.items()}


def position(text: str, offset: int) -> tuple[int, int]:
    """The line and the column of an offset, both counted from 1."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


class _Lost(Exception):  # noqa: N818  it says what became of the scanner
    """The text is not what it was said to be."""


class _Scanner:
    """Walks through the text once; `found` gives the offset of each path."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.found: dict[Path, int] = {}
        # The number of the last table of each `[[list]]`.
        self._last: dict[Path, int] = {}

    def document(self) -> None:
        """Headers and pairs, to the end."""
        table: Path = ()
        self._take(_BLANK)
        while self._at < len(self._text):
            if self._next("["):
                table = self._header()
            else:
                self._pair(table)
            self._take(_BLANK)

    def _header(self) -> Path:
        """`[a.b]` or `[[a.b]]`: the table that the pairs below it belong to."""
        start, is_list = self._at, self._next("[[")
        self._at += 1 + is_list
        path = self._resolved([key for key, _ in self._keys()], start)
        self._at += 1 + is_list
        if is_list:
            self._last[path] = self._last.get(path, -1) + 1
            path = (*path, self._last[path])
        self.found[path] = start
        return path

    def _resolved(self, keys: list[str], start: int) -> Path:
        """The path of a header: inside a list of tables its last one is meant."""
        path: Path = ()
        for key in keys:
            inside = (self._last[path],) if path in self._last else ()
            path = (*path, *inside, key)
            self.found.setdefault(path, start)
        return path

    def _pair(self, table: Path) -> None:
        path = table
        for key, offset in self._keys():
            path = (*path, key)
            self.found.setdefault(path, offset)
        self._expect("=")
        self._take(_SPACE)
        self._value(path)

    def _keys(self) -> list[tuple[str, int]]:
        """A dotted key: its parts, and where each begins."""
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
        number = 0
        while not self._ends("]"):
            self.found.setdefault((*path, number), self._at)
            self._value((*path, number))
            number += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        while not self._ends("}"):
            self._pair(path)

    def _ends(self, bracket: str) -> bool:
        """Go over blanks and a comma; tell whether the bracket closes here, and go over it."""
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
            raise _Lost
        self._at += len(characters)

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise _Lost
        self._at = found.end()
        return found[0]


def _plain(key: str) -> str:
    """A key without its quotes and escapes."""
    if key[0] not in "\"'":
        return key
    return str(tomllib.loads(f"key = {key}")["key"])
