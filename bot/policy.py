"""The settings of all rules: read strictly from plain data, laid over one another, asked by rule.

A layer is what one file gives: a few values of a few rules. Defaults lie below the operator's
config.toml, that below the file of the organisation, and that below the file of the repository;
what lies higher counts, key by key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bot.options import Problem, Switched, Unfit, read_table, under
from bot.rule import Rule

S = TypeVar("S", bound=Switched)

# The checked values of one file: rule -> setting -> value. What it does not say is not there.
Layer = Mapping[str, Mapping[str, Any]]


class PolicyError(Exception):
    """Settings that cannot be used; the message names each, and says what would be right."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = tuple(problems)


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

    def under(self, *layers: Layer) -> "Settings":
        """These settings with other layers over them."""
        return Settings((*self.layers, *layers))


def read(rules: Sequence[Rule[Any]], values: Mapping[str, Any]) -> Layer:
    """The layer in `values`, as a TOML document gives them: `{"invite": {...}}`.

    Raises PolicyError with everything that is wrong: an unknown rule or key, a wrong type, a
    template that asks for another name.
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
    if problems:
        raise PolicyError(problems)
    return layer
