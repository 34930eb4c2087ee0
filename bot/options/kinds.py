"""What a setting may be: kinds of values, checked strictly, and the words that explain them.

A rule's settings are a frozen dataclass in the rule's own file. Each field is an `option`: its
kind, its default, and what it means. Nothing is converted: a text is never taken for a number. The
few kinds are our own, because a validation library either stops at the first error or converts, or
costs more memory than all of the rules (docs/decisions/0095).
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, is_dataclass
from string import Template
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")
_SHOWN_CHARACTERS = 60
_LARGEST_SHOWN = 10**20
_RECORDED_CHARACTERS = 500


class Switched(Protocol):
    """What the settings of every rule have: whether the rule is to decide anything."""

    @property
    def enabled(self) -> bool:
        """The switch."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one value: the keys that lead to it, and words that say what is right.

    `line` and `column` count from 1; 0 where the place is not known.
    """

    path: tuple[str | int, ...]
    words: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """For people: `invite.merged_pull_requests must be a whole number, not "two"`."""
        return f"{dotted(self.path)} {self.words}".strip()

    def of(self, source: str) -> str:
        """The same after its place: `.github/bot.toml:12:3: invite.enabled must be ...`."""
        place = f":{self.line}:{self.column}" if self.line else ""
        return f"{source}{place}: {self}"


class Unfit(ValueError):  # noqa: N818  it reads as what it is where it is raised
    """A value that cannot be used, with all that is wrong in it."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """Values of one kind: what they are in words, and how one is read.

    `read` returns the value for the field, and raises Unfit for anything else; it is pure.
    """

    words: str
    read: Callable[[Any], T]


@dataclass(frozen=True, slots=True)
class Option:
    """A setting as it is documented: its name, kind, default and meaning.

    One that is `shared` holds for a whole organisation: no single repository may set it.
    """

    name: str
    kind: Kind[Any]
    default: Any
    words: str
    shared: bool = False


def option(kind: Kind[T], default: T, words: str, *, shared: bool = False) -> T:
    """A field of a settings dataclass, as `dataclasses.field`; `words` go into docs/settings.md.

    `shared` is for what whoever can write to one repository must not decide for the organisation.
    Raises Unfit where the default is not of its kind, as the module is imported.
    """
    kind.read(_plain(default))
    metadata = {"option": (kind, default, words, shared)}
    return field(default_factory=lambda: default, metadata=metadata)


def options(settings: type[Any]) -> Mapping[str, Option]:
    """The options of a settings dataclass, by name, in their order; stray fields are left out."""
    return {
        found.name: Option(found.name, *found.metadata["option"])
        for found in fields(settings)
        if "option" in found.metadata
    }


def changed(settings: Any) -> dict[str, Any]:
    """The settings of a rule that are not its defaults, as plain JSON: for the record. Pure.

    Long values are cut, to a text; `digest` tells whether two are the same.
    """
    return {
        name: _recorded(_plain(getattr(settings, name)))
        for name, known in options(type(settings)).items()
        if getattr(settings, name) != known.default
    }


def digest(settings: Any) -> str:
    """A few letters that are the same for the same settings of a rule, defaults included. Pure."""
    values = {name: _plain(getattr(settings, name)) for name in options(type(settings))}
    text = json.dumps(values, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def stray_fields(settings: type[Any]) -> Iterator[Field[Any]]:
    """The fields that are no options, so that nobody could set them."""
    return (found for found in fields(settings) if "option" not in found.metadata)


def read_table(settings: type[Any], value: Any) -> Mapping[str, Any]:
    """The values of a table, checked: only those that it gives, as its fields want them.

    Raises Unfit with all that is wrong: no table, unknown keys, values of another kind.
    """
    if not isinstance(value, Mapping):
        raise Unfit(Problem((), f"must be a table, not {shown(value)}"))
    known = options(settings)
    problems = [Problem((key,), _unknown(known)) for key in value if key not in known]
    checked: dict[str, Any] = {}
    for name in value.keys() & known.keys():
        try:
            checked[name] = known[name].kind.read(value[name])
        except Unfit as error:
            problems += under(name, error)
    if problems:
        raise Unfit(*problems)
    return checked


def under(key: str | int, error: Unfit) -> list[Problem]:
    """The problems of a part, as problems of the whole that holds it under `key`."""
    return [Problem((key, *problem.path), problem.words) for problem in error.problems]


def dotted(path: Sequence[str | int]) -> str:
    """A path as TOML writes it: `label.paths."docs/**"`; places in a list as `[0]`."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            bare = key.isascii() and key.replace("-", "_").isidentifier()
            text += f".{key}" if bare else f".{json.dumps(key, ensure_ascii=False)}"
    return text.removeprefix(".")


def shown(value: Any) -> str:
    """A value in an error, on one line, cut short where it is long."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, int) and abs(value) >= _LARGEST_SHOWN:
        return "so large a number"  # Python refuses to write the largest ones out
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


FLAG: Kind[bool] = Kind("true or false", lambda value: _be(isinstance(value, bool), FLAG, value))
TEXT: Kind[str] = Kind(
    "a text", lambda value: _be(isinstance(value, str) and bool(value.strip()), TEXT, value)
)
WORDS: Kind[str] = Kind(
    "a text, which may be empty", lambda value: _be(isinstance(value, str), WORDS, value)
)


def whole(least: int, most: int) -> Kind[int]:
    """Whole numbers from `least` to `most`, both included."""

    def read(value: Any) -> int:
        right = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return int(_be(right, kind, value))

    kind = Kind(f"a whole number from {least} to {most}", read)
    return kind


def choice(*choices: str) -> Kind[str]:
    """One of a few texts."""
    words = " or ".join(f'"{each}"' for each in choices)
    kind: Kind[str] = Kind(words, lambda value: _be(value in choices, kind, value))
    return kind


def matching(pattern: str, words: str) -> Kind[str]:
    """Texts, the empty one too, that a regular expression matches as a whole; `words` say which."""

    def read(value: Any) -> str:
        right = isinstance(value, str) and re.fullmatch(pattern, value) is not None
        return str(_be(right, kind, value))

    kind = Kind(words, read)
    return kind


def template(*names: str) -> Kind[str]:
    """A text in which `$name` stands for something, and `$$` for a dollar sign.

    A `string.Template`: nothing else can be reached from it, as `str.format` would allow.
    """
    known = " and ".join(f"${name}" for name in names)

    def read(value: Any) -> str:
        found = Template(TEXT.read(value))
        unknown = set(found.get_identifiers()) - set(names)
        if unknown or not found.is_valid():
            but = f", not ${min(unknown)}" if unknown else ""
            raise Unfit(Problem((), f"may use {known} (and $$ for a dollar sign){but}"))
        return found.template

    return Kind(f"a text with {known}", read)


def many(kind: Kind[T], *, most: int = 1000) -> Kind[tuple[T, ...]]:
    """A list of values of one kind; the field holds a tuple."""

    def read(value: Any) -> tuple[T, ...]:
        _be(isinstance(value, list) and len(value) <= most, listed, value)
        return tuple(_all(kind, enumerate(value)).values())

    listed: Kind[tuple[T, ...]] = Kind(f"a list; each is {kind.words}", read)
    return listed


def table(kind: Kind[T], *, most: int = 1000) -> Kind[Mapping[str, T]]:
    """A table with free keys and values of one kind: `"docs/**" = "documentation"`."""

    def read(value: Any) -> Mapping[str, T]:
        _be(isinstance(value, Mapping) and len(value) <= most, keyed, value)
        return _all(kind, value.items())

    keyed: Kind[Mapping[str, T]] = Kind(f"a table; each value is {kind.words}", read)
    return keyed


def record(settings: type[T]) -> Kind[T]:
    """A table with fixed keys: a frozen dataclass of options, as a rule's settings are."""
    words = f"a table with {', '.join(options(settings))}"
    return Kind(words, lambda value: settings(**read_table(settings, value)))


def _all(kind: Kind[T], items: Any) -> dict[Any, T]:
    """Read each value, and gather what is wrong with any of them."""
    values: dict[Any, T] = {}
    problems: list[Problem] = []
    for key, value in items:
        try:
            values[key] = kind.read(value)
        except Unfit as error:
            problems += under(key, error)
    if problems:
        raise Unfit(*problems)
    return values


def _be(right: bool, kind: Kind[Any], value: Any) -> Any:
    if not right:
        raise Unfit(Problem((), f"must be {kind.words}, not {shown(value)}"))
    return value


def _plain(default: Any) -> Any:
    """A default as a TOML document would give it: lists for tuples, tables for records."""
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
    return f"is not a setting; known are {', '.join(known)}"
