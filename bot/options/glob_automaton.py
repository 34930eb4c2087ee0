"""Automaton of glob patterns: reads a text once, however many patterns there are.

Its states are the bits of one number (Baeza-Yates and Gonnet, "A new approach to text searching",
CACM 1992): bit n says that the items of a pattern before the nth have matched. So a character costs
a few operations on as many bits as the patterns have characters. Nothing backtracks.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

# Limits the memory of an automaton: each character has a number of its own.
_CACHED = 500
_LAST = 0x7F


class _Class(NamedTuple):
    """`[a-z_]`, or `[!a-z_]` if it `excludes`; ranges only have their ASCII characters."""

    members: frozenset[str]
    excludes: bool


class Automaton:
    """Patterns over texts, or over paths with a slash in front: then `*` stays within a folder."""

    def __init__(self, patterns: Sequence[str], *, of_paths: bool) -> None:
        self._of_paths = of_paths
        self._size = 0
        # The bits that move on by one: at a character, at any, and at any but a character.
        self._literals: dict[str, int] = {}
        self._anything = 0
        self._exceptions: dict[str, int] = {}
        # The bits that stay: at any character, and at any but a slash.
        self._loops = 0
        self._flat_loops = 0
        # The bits that move on by two at a slash: they skip the folders of `**`.
        self._skips = 0
        self._steps: dict[str, int] = {}
        self._start = 0
        self.ends = [self._added(pattern) for pattern in patterns]
        self._final = sum(self.ends)

    def matched(self, text: str) -> int:
        """The bits in `ends` of the patterns that match the whole text. Pure."""
        state, steps, skips = self._start, self._steps, self._skips
        loops, flat_loops = self._loops, self._loops | self._flat_loops
        for character in text:
            step = steps.get(character)
            if step is None:
                step = self._step(character)
                if len(steps) < _CACHED:
                    steps[character] = step
            if character == "/":
                state = (state & step) << 1 | state & loops | (state & skips) << 2
            else:
                state = (state & step) << 1 | state & flat_loops
            if not state:
                break
        return state & self._final

    def _step(self, character: str) -> int:
        """The bits that move on by one at a character."""
        step = self._literals.get(character, 0)
        if character == "/" and self._of_paths:
            return step
        return step | self._anything & ~self._exceptions.get(character, 0)

    def _added(self, pattern: str) -> int:
        """Add a pattern; returns its final bits."""
        self._start |= 1 << self._size
        if not self._of_paths:
            self._add_part(pattern)
            return self._end()
        final = 0
        for step in _folders(pattern):
            if step == "**":
                final = self._add_folders()
            else:
                self._skips |= final
                self._literal("/")
                self._add_part(step)
                final = 0
        return final | self._end()

    def _end(self) -> int:
        """The bit after the last item. The next pattern begins with a bit of its own."""
        self._size += 1
        return 1 << self._size - 1

    def _add_folders(self) -> int:
        """Add any number of folders: one bit before them, and one within; returns the first."""
        before = 1 << self._size
        self._literal("/")
        self._loops |= 1 << self._size
        return before

    def _add_part(self, part: str) -> None:
        for item in _items(part):
            match item:
                case _Class():
                    self._add_class(item)
                case "*":
                    self._star()
                case "?":
                    self._anything |= self._next()
                case _:
                    self._literal(item)

    def _add_class(self, item: _Class) -> None:
        bit = self._next()
        self._anything |= bit if item.excludes else 0
        table = self._exceptions if item.excludes else self._literals
        for member in item.members:
            table[member] = table.get(member, 0) | bit

    def _star(self) -> None:
        if self._of_paths:
            self._flat_loops |= 1 << self._size
        else:
            self._loops |= 1 << self._size

    def _literal(self, character: str) -> None:
        self._literals[character] = self._literals.get(character, 0) | self._next()

    def _next(self) -> int:
        self._size += 1
        return 1 << self._size - 1


def _folders(pattern: str) -> list[str]:
    """The steps of a path pattern; of several `**` in a row, one."""
    anywhere = "/" not in pattern.rstrip("/")
    steps = pattern.strip("/").split("/")
    steps = ["**"] * anywhere + steps + ["**"] * pattern.endswith("/")
    return [step for at, step in enumerate(steps) if (step, steps[at - 1 : at]) != ("**", ["**"])]


def _items(part: str) -> Iterator[str | _Class]:
    """The items of a pattern as fnmatch reads it: `*`, `?`, a class, or a character."""
    at = 0
    while at < len(part):
        end = _end_of_class(part, at) if part[at] == "[" else -1
        if end < 0:
            yield part[at]
            at += 1
        else:
            yield _class(part[at + 1 : end])
            at = end + 1


def _end_of_class(part: str, start: int) -> int:
    """Where the class that begins at `start` ends; -1 for a bracket that stands for itself."""
    first = start + 1 + part.startswith("!", start + 1)
    return part.find("]", first + 1)


def _class(members: str) -> _Class:
    excludes = members.startswith("!")
    members = members[excludes:]
    found: set[str] = set()
    at = 0
    while at < len(members):
        if members[at + 1 : at + 2] == "-" and at + 2 < len(members):
            found.update(map(chr, range(ord(members[at]), min(ord(members[at + 2]), _LAST) + 1)))
            at += 3
        else:
            found.add(members[at])
            at += 1
    return _Class(frozenset(found), excludes)
