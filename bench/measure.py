"""What a measure is, and what it gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


class UnavailableError(Exception):
    """Something that a measure needs is not on this machine; the message says how to get it."""


@dataclass(frozen=True)
class Size:
    """How thorough a run is: `short` takes seconds, shows that the measure works, and no more."""

    short: bool = False

    def of(self, full: T, short: T) -> T:
        """The value for this size."""
        return short if self.short else full


@dataclass(frozen=True, kw_only=True)
class Table:
    """What was measured, for people (`head`, `rows`, `notes`) and for the goals (`figures`).

    The names of the figures are those that `bench.goals` asks for, and more where somebody may want
    to compare; their units are in their names, or they are ratios.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One question, and how it is answered.

    `run` starts all that it needs and ends it again, and may be repeated. It raises
    UnavailableError where this machine lacks something that it cannot do without.
    """

    name: str
    question: str
    run: Callable[[Size], Table]
