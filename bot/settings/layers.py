"""The settings of all rules: read strictly from plain data, laid over one another, asked by rule.

A layer is what one file gives: a few values of a few rules. Defaults lie below the operator's
config.toml, that below the file of the organisation, and that below the file of the repository;
what lies higher counts, key by key.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from bot.options.kinds import Problem, Switched, Unfit, options, read_table, under
from bot.options.toml_locations import places
from bot.rule import Rule

S = TypeVar("S", bound=Switched)

# The checked values of one file: rule -> setting -> value. What it does not say is not there.
Layer = Mapping[str, Mapping[str, Any]]


# A settings file is some dozens of lines. Reading more could keep the loop busy for long.
MOST_BYTES = 64 * 1024
# tomllib takes time by the square of the parts of a dotted key; nobody needs thirty of them.
_ENDLESS_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){30}""")
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


class PolicyError(Exception):
    """Settings that cannot be used: each problem, with its place in `source` where it is known.

    The message is one line that names each, and says what would be right.
    """

    def __init__(self, problems: Sequence[Problem], source: str = "") -> None:
        self.problems = tuple(sorted(problems, key=lambda each: (each.line, each.column)))
        said = [each.of(source) if source else str(each) for each in self.problems]
        super().__init__("; ".join(said))


@dataclass(frozen=True, slots=True)
class Settings:
    """What every rule is told: the layers over the defaults, the highest last."""

    layers: tuple[Layer, ...] = ()

    def of(self, rule: Rule[S]) -> S:
        """The settings of a rule. Pure."""
        values: dict[str, Any] = {}
        for layer in self.layers:
            values |= layer.get(rule.name, {})
        return rule.settings(**values)

    def enabled(self, rules: Sequence[Rule[Any]]) -> Sequence[Rule[Any]]:
        """Those of the rules that these settings switch on. Pure."""
        return [rule for rule in rules if self.of(rule).enabled]

    def under(self, *layers: Layer) -> "Settings":
        """These settings with other layers over them."""
        return Settings((*self.layers, *layers))


def read(rules: Sequence[Rule[Any]], values: Mapping[str, Any], *, single: bool = False) -> Layer:
    """The layer in `values`, as a TOML document gives them: `{"invite": {...}}`.

    `single` says that they are those of a single repository. Raises PolicyError with everything
    that is wrong: an unknown rule or key, a wrong type, a template that asks for another name, a
    setting that a single repository may not have.
    """
    known = {rule.name: rule for rule in rules}
    problems: list[Problem] = []
    layer: dict[str, Mapping[str, Any]] = {}
    for name, table in values.items():
        if name not in known:
            problems.append(Problem((name,), f"is not a rule; known are {', '.join(known)}"))
            continue
        try:
            layer[name] = read_table(known[name].settings, table)
        except Unfit as error:
            problems += under(name, error)
            continue
        problems += _shared(known[name], layer[name]) if single else ()
    if problems:
        raise PolicyError(problems)
    return layer


def is_single(repository: str) -> bool:
    """Whether a file of this repository, `owner/name`, is about it alone."""
    return repository.rpartition("/")[2].lower() != ".github"


def _shared(rule: Rule[Any], values: Mapping[str, Any]) -> Iterator[Problem]:
    known = options(rule.settings)
    words = "is set for the whole organisation, in its repository `.github`"
    return (Problem((rule.name, key), words) for key in values if known[key].shared)


def read_text(rules: Sequence[Rule[Any]], text: str, *, source: str, single: bool = False) -> Layer:
    """The layer in the text of a settings file; `source` is how errors call the file.

    Raises PolicyError with everything that is wrong, each with its line and column. Bounded in time
    and memory, whatever the text; pure.
    """
    text = text.removeprefix("\ufeff")  # the mark that some editors put in front of UTF-8
    values = parse(text, source=source)
    try:
        return read(rules, values, single=single)
    except PolicyError as error:
        raise PolicyError(placed(error.problems, text), source) from None


def parse(text: str, *, source: str) -> Mapping[str, Any]:
    """The TOML document in a text; raises PolicyError for what is none, or too large."""
    if len(text.encode()) > MOST_BYTES:
        words = f"a settings file has at most {MOST_BYTES // 1024} KiB; shorten it"
        raise PolicyError([Problem((), words)], source)
    if _ENDLESS_KEY.search(text):
        raise PolicyError([Problem((), "a key has too many parts")], source)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise PolicyError([Problem((), "brackets are nested too deeply")], source) from None
    except ValueError as error:  # TOMLDecodeError, and numbers of too many digits
        raise PolicyError([_syntax(str(error), text)], source) from None


def placed(problems: Sequence[Problem], text: str) -> list[Problem]:
    """The problems, with the places of their keys in `text`."""
    found = places(text)
    return [_placed(problem, found) for problem in problems]


def _placed(problem: Problem, found: Mapping[tuple[str | int, ...], tuple[int, int]]) -> Problem:
    """A problem at its key, or at the nearest one above it that is written down."""
    for length in range(len(problem.path), 0, -1):
        place = found.get(problem.path[:length])
        if place:
            return replace(problem, line=place[0], column=place[1])
    return problem


def _syntax(said: str, text: str) -> Problem:
    """What tomllib says, with its place taken out of the sentence."""
    place = _PLACE.search(said)
    line, column = place.groups() if place else (None, None)
    words = f"is not TOML: {said[: place.start()] if place else said}"
    if line is None or column is None:
        return Problem((), words, line=text.count("\n") + 1, column=1)
    return Problem((), words, line=int(line), column=int(column))
