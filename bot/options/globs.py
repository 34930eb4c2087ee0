"""Glob patterns in settings: `*`, `?` and `[...]`, and `**` for any number of folders.

Anyone who may commit a settings file writes patterns, and anyone who may open a pull request writes
paths. So both are bounded, and the time grows with one plus the other (docs/decisions/0103).
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TypeVar

from bot.options.glob_automaton import Automaton
from bot.options.kinds import TEXT, Kind, Problem, Unfit, many, table

LONGEST = 200
MOST_WILDCARDS = 20
# The characters of all patterns of one setting: so many bits has the state of the automaton.
LARGEST = 10_000
# GitHub's titles have 256 characters, its labels 50, its logins 39.
LONGEST_TEXT = 1000
# How many characters of paths are read for one pull request.
LARGEST_PATHS = 1_000_000
_CACHED = 16

T = TypeVar("T")


def _read_glob(value: object) -> str:
    text = TEXT.read(value)
    _limit(len(text), LONGEST, "a pattern may have at most {} characters")
    wildcards = sum(map(text.count, "*?["))
    _limit(wildcards, MOST_WILDCARDS, "a pattern may have at most {} of the wildcards * ? [")
    return text


def _limit(size: int, most: int, words: str) -> None:
    if size > most:
        raise Unfit(Problem((), f"is too long: {words.format(f'{most:,}')}, not {size:,}"))


GLOB: Kind[str] = Kind("a pattern", _read_glob)


def _bounded(kind: Kind[T], words: str) -> Kind[T]:
    """A kind of lists or tables of patterns, which together may have LARGEST characters."""

    def read(value: object) -> T:
        checked = kind.read(value)
        _limit(_size(checked), LARGEST, "the patterns together may have at most {} characters")
        return checked

    return Kind(words, read)


def _size(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    each = value.values() if isinstance(value, Mapping) else value
    return sum(map(_size, each))  # type: ignore[call-overload]


#: A list of patterns.
GLOBS = _bounded(many(GLOB), "a list; each is a pattern")
#: A table of lists of patterns.
NAMED_GLOBS = _bounded(
    table(many(GLOB, most=100), most=100), "a table; each value is a list; each is a pattern"
)


def fits(text: str, patterns: Iterable[str]) -> bool:
    """Whether the whole text matches one of the patterns, ignoring case. Pure.

    A text of more than LONGEST_TEXT characters matches none.
    """
    if len(text) > LONGEST_TEXT:
        return False
    lowered = tuple(pattern.lower() for pattern in patterns)
    return _automaton(lowered, of_paths=False).matched(text.lower()) != 0


def covering(named: Mapping[str, Iterable[str]], paths: Iterable[str]) -> set[str]:
    """The names with a pattern that matches one of the paths, such as `docs/index.md`. Pure.

    As in a .gitignore, `*` stays within a folder, `**` spans any number of folders, and `docs/`
    matches everything below. A pattern without a slash matches anywhere, one with a slash from the
    top. Patterns are case-sensitive.
    """
    flat = [(name, pattern) for name, patterns in named.items() for pattern in patterns]
    automaton = _automaton(tuple(pattern for _, pattern in flat), of_paths=True)
    found = 0
    for path in paths:
        found |= automaton.matched(f"/{path}")
    return {name for (name, _), end in zip(flat, automaton.ends, strict=True) if found & end}


@lru_cache(_CACHED)
def _automaton(patterns: tuple[str, ...], *, of_paths: bool) -> Automaton:
    return Automaton(patterns, of_paths=of_paths)
