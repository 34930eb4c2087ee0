"""Options: settings with a kind, a default and a description, checked strictly.

A rule's settings are a frozen dataclass whose fields are `option`s. Kinds never convert values: a
string is never read as a number. docs/decisions/0095 says why this is not a validation library.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, is_dataclass
from string import Template
from typing import Any, Generic, Protocol, TypeVar

from bot.options.authority import UNDECLARED, Authority

T = TypeVar("T")
_SHOWN_CHARACTERS = 60
_SHOWN_PATH_CHARACTERS = 200
_SHOWN_PROBLEMS = 50
_LARGEST_SHOWN = 10**20
_RECORDED_CHARACTERS = 500


class Switched(Protocol):
    """The settings of any rule."""

    @property
    def enabled(self) -> bool:
        """Whether the rule runs."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An invalid value: its path, and a message with the remedy.

    `line` and `column` count from 1; 0 if unknown.
    """

    path: tuple[str | int, ...]
    words: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """The message: `invite.merged_pull_requests must be a whole number, not "two"`."""
        path = dotted(self.path)
        if len(path) > _SHOWN_PATH_CHARACTERS:
            path = f"{path[:_SHOWN_PATH_CHARACTERS]}..."
        return f"{path} {self.words}".strip()

    def of(self, source: str) -> str:
        """The message with its location: `.github/bot.toml:12:3: invite.enabled must be ...`."""
        location = f":{self.line}:{self.column}" if self.line else ""
        return f"{source}{location}: {self}"


def messages(problems: Sequence[Problem], source: str = "") -> list[str]:
    """The messages of the first problems, with their locations in `source`, and how many follow."""
    shown_ones = [each.of(source) if source else str(each) for each in problems[:_SHOWN_PROBLEMS]]
    more = len(problems) - len(shown_ones)
    return shown_ones + ([f"and {more:,} more"] if more else [])


class Unfit(ValueError):  # noqa: N818  part of the interface for custom rules
    """An invalid value, with all its problems."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(messages(problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A kind of values; `words` describes them.

    `read` checks a value and returns it for the field, or raises Unfit. It is pure.
    """

    words: str
    read: Callable[[Any], T]


@dataclass(frozen=True, slots=True)
class Option:
    """A setting: its name, kind, default, description and authority."""

    name: str
    kind: Kind[Any]
    default: Any
    words: str
    authority: Authority = UNDECLARED


def option(kind: Kind[T], default: T, words: str, *, authority: Authority = UNDECLARED) -> T:
    """A field of a settings dataclass; `words` describes it in docs/settings.md.

    `authority` says which files may set it; without one, no file of a single repository may.
    Raises Unfit on import if the default is not of its kind.
    """
    kind.read(_plain(default))
    metadata = {"option": (kind, default, words, authority)}
    return field(default_factory=lambda: default, metadata=metadata)


def options(settings: type[Any]) -> Mapping[str, Option]:
    """The options of a settings dataclass by name, in order, without stray fields."""
    return {
        each.name: Option(each.name, *each.metadata["option"])
        for each in fields(settings)
        if "option" in each.metadata
    }


def changed(settings: Any) -> dict[str, Any]:
    """The settings of a rule that differ from its defaults, as plain JSON for records. Pure.

    Long values become truncated strings; compare settings by `digest` instead.
    """
    return {
        name: _recorded(_plain(getattr(settings, name)))
        for name, known in options(type(settings)).items()
        if getattr(settings, name) != known.default
    }


def digest(settings: Any) -> str:
    """A short hash of the settings of a rule, defaults included. Pure."""
    values = {name: _plain(getattr(settings, name)) for name in options(type(settings))}
    text = json.dumps(values, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def stray_fields(settings: type[Any]) -> Iterator[Field[Any]]:
    """The fields that are not options, so that no file can set them."""
    return (each for each in fields(settings) if "option" not in each.metadata)


def read_table(settings: type[Any], value: Any) -> Mapping[str, Any]:
    """The checked values of a table, without defaults.

    Raises Unfit with all problems: not a table, unknown keys, invalid values.
    """
    if not isinstance(value, Mapping):
        raise Unfit(Problem((), f"must be a table, not {shown(value)}"))
    known = options(settings)
    problems = [Problem((key,), _unknown(known)) for key in value if key not in known]
    names = value.keys() & known.keys()
    return _read_all([(name, known[name].kind, value[name]) for name in names], problems)


def under(key: str | int, error: Unfit) -> list[Problem]:
    """The problems of a value, as problems of the table or list that holds it under `key`."""
    return [Problem((key, *problem.path), problem.words) for problem in error.problems]


def dotted(path: Sequence[str | int]) -> str:
    """A path in TOML's notation: `label.paths."docs/**"`; list items as `[0]`."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            bare = key.isascii() and key.replace("-", "_").isidentifier()
            text += f".{key}" if bare else f".{json.dumps(key, ensure_ascii=False)}"
    return text.removeprefix(".")


def shown(value: Any) -> str:
    """A value for a message, on one line and truncated."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, int) and abs(value) >= _LARGEST_SHOWN:
        return "such a large number"  # Python refuses to print the largest ones
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


FLAG: Kind[bool] = Kind("true or false", lambda value: _be(isinstance(value, bool), FLAG, value))
TEXT: Kind[str] = Kind(
    "a string", lambda value: _be(isinstance(value, str) and bool(value.strip()), TEXT, value)
)
WORDS: Kind[str] = Kind(
    "a string, which may be empty", lambda value: _be(isinstance(value, str), WORDS, value)
)


def whole(least: int, most: int) -> Kind[int]:
    """Whole numbers from `least` to `most`, inclusive."""

    def read(value: Any) -> int:
        is_valid = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return int(_be(is_valid, kind, value))

    kind = Kind(f"a whole number from {least} to {most}", read)
    return kind


def choice(*choices: str) -> Kind[str]:
    """One of a few strings."""
    words = " or ".join(f'"{each}"' for each in choices)
    kind: Kind[str] = Kind(words, lambda value: _be(value in choices, kind, value))
    return kind


def matching(pattern: str, words: str) -> Kind[str]:
    """Strings that a regular expression matches as a whole; `words` describes them."""

    def read(value: Any) -> str:
        is_valid = isinstance(value, str) and re.fullmatch(pattern, value) is not None
        return str(_be(is_valid, kind, value))

    kind = Kind(words, read)
    return kind


def template(*names: str) -> Kind[str]:
    """A text with placeholders such as `$name`, and `$$` for a dollar sign.

    It is a `string.Template`, because `str.format` gives access to attributes.
    """
    known = " and ".join(f"${name}" for name in names)

    def read(value: Any) -> str:
        parsed = Template(TEXT.read(value))
        unknown = set(parsed.get_identifiers()) - set(names)
        if unknown or not parsed.is_valid():
            but = f", not ${min(unknown)}" if unknown else ""
            raise Unfit(Problem((), f"may use {known} (and $$ for a dollar sign){but}"))
        return parsed.template

    return Kind(f"a string with {known}", read)


def many(kind: Kind[T], *, most: int = 1000) -> Kind[tuple[T, ...]]:
    """A list of up to `most` values of one kind; the field holds a tuple."""

    def read(value: Any) -> tuple[T, ...]:
        _be(isinstance(value, list) and len(value) <= most, listed, value)
        return tuple(_read_all((index, kind, each) for index, each in enumerate(value)).values())

    listed: Kind[tuple[T, ...]] = Kind(f"a list; each is {kind.words}", read)
    return listed


def table(kind: Kind[T], *, most: int = 1000) -> Kind[Mapping[str, T]]:
    """A table with any keys and values of one kind: `"docs/**" = "documentation"`."""

    def read(value: Any) -> Mapping[str, T]:
        _be(isinstance(value, Mapping) and len(value) <= most, keyed, value)
        return _read_all((key, kind, each) for key, each in value.items())

    keyed: Kind[Mapping[str, T]] = Kind(f"a table; each value is {kind.words}", read)
    return keyed


def record(settings: type[T]) -> Kind[T]:
    """A table with fixed keys: a frozen dataclass of options, like a rule's settings."""
    words = f"a table with {', '.join(options(settings))}"
    return Kind(words, lambda value: settings(**read_table(settings, value)))


def _read_all(
    items: Iterable[tuple[Any, Kind[T], Any]], problems: Sequence[Problem] = ()
) -> dict[Any, T]:
    """The checked values by key; raises Unfit with `problems` and those of all values."""
    found = list(problems)
    values: dict[Any, T] = {}
    for key, kind, value in items:
        try:
            values[key] = kind.read(value)
        except Unfit as error:
            found += under(key, error)
    if found:
        raise Unfit(*found)
    return values


def _be(is_valid: bool, kind: Kind[Any], value: Any) -> Any:
    if not is_valid:
        raise Unfit(Problem((), f"must be {kind.words}, not {shown(value)}"))
    return value


def _plain(default: Any) -> Any:
    """A value as in a TOML document: lists for tuples, tables for records."""
    if isinstance(default, tuple):
        return [_plain(each) for each in default]
    if isinstance(default, Mapping):
        return {key: _plain(value) for key, value in default.items()}
    if is_dataclass(default) and not isinstance(default, type):
        return {name: _plain(getattr(default, name)) for name in options(type(default))}
    return default


def _recorded(value: Any) -> Any:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return value if len(text) <= _RECORDED_CHARACTERS else f"{text[:_RECORDED_CHARACTERS]}…"


def _unknown(known: Mapping[str, Option]) -> str:
    return f"is not a setting; the settings are {', '.join(known)}"
