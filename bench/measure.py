"""Interface of a measure, and its result."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


class UnavailableError(Exception):
    """A dependency of a measure is missing; the message says how to get it."""


@dataclass(frozen=True)
class Size:
    """The size of a run; `short` takes seconds and only shows that the measure works."""

    short: bool = False

    def of(self, full: T, short: T) -> T:
        """The value for this size."""
        return short if self.short else full


@dataclass(frozen=True, kw_only=True)
class Table:
    """The result: `head`, `rows` and `notes` for people, `figures` for the goals.

    The names of the figures are those in `bench.goals`, and more for comparison. A name ends in the
    unit; without one the figure is a ratio.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A question and the function that answers it.

    `run` starts and stops everything that it needs, and can be repeated. It raises UnavailableError
    if this machine lacks a dependency.
    """

    name: str
    question: str
    run: Callable[[Size], Table]
