"""Layers of settings: strict parsing, and lookup by rule.

A layer holds the values of one file. Key by key, the files are merged over the defaults: the
operator's config.toml, the organisation's file, the repository's file (bot.settings.merge).
"""

import codecs
import logging
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from bot.options.authority import Scope
from bot.options.kinds import Problem, Switched, Unfit, messages, read_table, under
from bot.options.toml_locations import locations
from bot.rule import Rule
from bot.settings.merge import Merged, merge

S = TypeVar("S", bound=Switched)

# The checked values of one file: rule -> setting -> value, only those that the file sets.
Layer = Mapping[str, Mapping[str, Any]]

# Parsing a larger file could block the loop for long.
MOST_BYTES = 64 * 1024
# tomllib takes quadratic time in the parts of a dotted key. The parts are those of its grammar, so
# none ends the search too early. Possessive repeats, and no start at an escaped quote, keep it
# linear.
_ENDLESS_KEY = re.compile(
    r"""(?<![\w\\-])(?:(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){30}"""
)
_OTHER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_LOCATION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")

log = logging.getLogger(__name__)


class SettingsError(Exception):
    """Invalid settings: all `problems`, with their location in `source` if it is known.

    The message is one line that names the first problems and their remedies.
    """

    def __init__(self, problems: Sequence[Problem], source: str = "") -> None:
        self.problems = tuple(sorted(problems, key=lambda each: (each.line, each.column)))
        super().__init__("; ".join(messages(self.problems, source)))


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of all rules: up to three layers over the defaults."""

    operator: Layer = field(default_factory=dict)
    organization: Layer = field(default_factory=dict)
    repository: Layer = field(default_factory=dict)

    def of(self, rule: Rule[S]) -> S:
        """The settings of a rule. Pure."""
        return rule.settings(**self._merged(rule).values)

    def enabled(self, rules: Sequence[Rule[Any]]) -> Sequence[Rule[Any]]:
        """The rules that these settings enable. Pure."""
        return [rule for rule in rules if self.of(rule).enabled]

    def under(self, layer: Layer, repository: str) -> "Settings":
        """These settings with the layer of a repository's file: its own, or its organisation's."""
        if is_single(repository):
            return replace(self, repository=layer)
        return replace(self, organization=layer)

    def ignored(self, rules: Sequence[Rule[Any]], repository: str) -> list[Problem]:
        """The values in the file of a repository that have no effect, and why. Pure."""
        scope = _scope(repository)
        return [
            Problem((rule.name, each.name), each.words)
            for rule in rules
            for each in self._merged(rule).ignored
            if each.scope == scope
        ]

    def _merged(self, rule: Rule[Any]) -> Merged:
        layers = zip(Scope, (self.operator, self.organization, self.repository), strict=True)
        return merge(rule.settings, ((scope, each.get(rule.name, {})) for scope, each in layers))


def read(rules: Sequence[Rule[Any]], values: Mapping[str, Any]) -> Layer:
    """The layer in the values of a TOML document: `{"invite": {...}}`.

    Raises SettingsError with all problems: unknown rules and keys, wrong types, unknown names in
    templates.
    """
    known = {rule.name: rule for rule in rules}
    problems: list[Problem] = []
    layer: dict[str, Mapping[str, Any]] = {}
    for name, table in values.items():
        if name not in known:
            problems.append(Problem((name,), f"is not a rule; the rules are {', '.join(known)}"))
            continue
        try:
            layer[name] = read_table(known[name].settings, table)
        except Unfit as error:
            problems += under(name, error)
        except Exception:
            log.exception("the settings of %s cannot be checked", name)
            problems.append(Problem((name,), "cannot be checked: its rule has a bug"))
    if problems:
        raise SettingsError(problems)
    return layer


def is_single(repository: str) -> bool:
    """Whether the file of a repository, `owner/name`, applies to that repository alone."""
    return repository.rpartition("/")[2].lower() != ".github"


def _scope(repository: str) -> Scope:
    return Scope.REPOSITORY if is_single(repository) else Scope.ORGANIZATION


# What editors, git and copying from a page leave in a file, where TOML does not parse.
_HINTS = {
    "it is a pointer of Git LFS: take the file out of LFS": re.compile(r"^version https://git-lfs"),
    "it has the marks of a merge conflict: resolve it": re.compile(r"^<{7}(?: |$)"),
    "it has an invisible character; delete it": re.compile(
        r"[\u00a0\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u2064\ufeff]"
    ),
    'it has typographic quotes; write "': re.compile(r"[\u2018-\u201f\u00ab\u00bb]"),
}


def decode(data: bytes, *, source: str) -> str:
    r"""The text of a settings file: without a byte order mark, and with "\n" as the line end.

    Every text passes here once, so that checking, storing and using see the same. Raises
    SettingsError for bytes that are no UTF-8 text. Pure.
    """
    words = "must be encoded in UTF-8; save it in that encoding"
    if data.startswith(_OTHER_MARKS) or b"\0" in data:
        raise SettingsError([Problem((), f"{words} (it looks like UTF-16, or is no text)")], source)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SettingsError([Problem((), words)], source) from None
    text = text.replace("\r\n", "\n")
    lone = text.find("\r")
    if lone >= 0:
        line, column = text.count("\n", 0, lone) + 1, lone - text.rfind("\n", 0, lone)
        words = "is not valid TOML: a carriage return ends no line; save it with LF or CRLF"
        raise SettingsError([Problem((), words, line, column)], source)
    return text


def read_text(rules: Sequence[Rule[Any]], text: str, *, source: str) -> Layer:
    """The layer in the text of a settings file (`decode`); `source` is its name in errors.

    Raises SettingsError with all problems and their locations. Pure, and bounded in time and memory
    for any text.
    """
    values = _parse(text, source=source)
    try:
        return read(rules, values)
    except SettingsError as error:
        raise SettingsError(placed(error.problems, text), source) from None


def read_stored(rules: Sequence[Rule[Any]], text: str) -> Layer | None:
    """The valid settings in a text that some version of the bot has stored.

    Another version may accept other settings, or store what this one cannot parse: None for that.
    Never raises.
    """
    try:
        values = _parse(text.removeprefix("\ufeff"), source="")  # version 0.1 stored the mark
    except SettingsError:
        return None
    tables = {name: dict(part) for name, part in values.items() if isinstance(part, dict)}
    for length in (2, 1):  # without the invalid settings, then without the tables of their rules
        try:
            return read(rules, tables)
        except SettingsError as error:
            for problem in error.problems:
                _remove(tables, problem.path[:length])
    return read(rules, tables)


def _remove(tables: dict[str, dict[str, Any]], path: tuple[str | int, ...]) -> None:
    """Remove the setting at a path, or the whole table of a rule."""
    rule = str(path[0])
    if len(path) == 1:
        tables.pop(rule, None)
    else:
        tables.get(rule, {}).pop(str(path[1]), None)


def _parse(text: str, *, source: str) -> Mapping[str, Any]:
    """The TOML document in a text; raises SettingsError if it is invalid or too large."""
    if len(text.encode()) > MOST_BYTES:
        words = f"a settings file may have at most {MOST_BYTES // 1024} KiB; shorten it"
        raise SettingsError([Problem((), words)], source)
    if _ENDLESS_KEY.search(text):
        raise SettingsError([Problem((), "a key has too many parts")], source)
    try:
        values = tomllib.loads(text)
        if _has_nul(values):
            words = (
                "a string contains \\u0000, which neither GitHub nor the database takes; remove it"
            )
            raise SettingsError([Problem((), words)], source)
    except RecursionError:
        raise SettingsError([Problem((), "brackets are nested too deeply")], source) from None
    except ValueError as error:  # TOMLDecodeError, and numbers with too many digits
        raise SettingsError([_syntax_problem(str(error), text)], source) from None
    return values


def _has_nul(value: Any) -> bool:
    """Whether a string in a TOML value has the character U+0000."""
    if isinstance(value, dict):
        return any(map(_has_nul, (*value, *value.values())))
    if isinstance(value, list):
        return any(map(_has_nul, value))
    return isinstance(value, str) and "\0" in value


def placed(problems: Sequence[Problem], text: str) -> list[Problem]:
    """The problems, with the lines and columns of their keys in `text`."""
    known = locations(text)
    return [_placed(problem, known) for problem in problems]


def _placed(problem: Problem, known: Mapping[tuple[str | int, ...], tuple[int, int]]) -> Problem:
    """A problem with the location of its key, or of the nearest table above that has one."""
    for length in range(len(problem.path), 0, -1):
        location = known.get(problem.path[:length])
        if location:
            return replace(problem, line=location[0], column=location[1])
    return problem


def _syntax_problem(message: str, text: str) -> Problem:
    """The problem in an error of tomllib, whose message ends with the location."""
    location = _LOCATION.search(message)
    line, column = location.groups() if location else (None, None)
    words = f"is not valid TOML: {message[: location.start()] if location else message}"
    if line is None or column is None:
        return Problem((), words, line=text.count("\n") + 1, column=1)
    lines = text.split("\n")[int(line) - 1 : int(line)]
    hints = (hint for hint, odd in _HINTS.items() if any(map(odd.search, lines)))
    words += next((f" ({hint})" for hint in hints), "")
    return Problem((), words, line=int(line), column=int(column))
