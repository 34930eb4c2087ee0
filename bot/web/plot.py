"""Geometry of the status page's bar chart, which the template draws as SVG. Pure.

A plotting library would need inline styles or scripts, which the pages' policy forbids.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.operations.history.records import Hour
from bot.web.shared import hour_of_day

WIDTH, HEIGHT = 720, 168
_TOP, _BASE, _LEFT = 26, 138, 20
# Half the width of an hour's label in the letters of a narrow window: none leaves the picture.
_HALF_LABEL = 36.0
_LABELLED_EVERY = 6
_LEAST_BAR = 2.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; `kind` is "deliveries" or "actions"."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class AxisLabel:
    """The label of an hour."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A chart of WIDTH by HEIGHT; `most` is the number at the top line, `words` its description."""

    bars: Sequence[Bar]
    labels: Sequence[AxisLabel]
    most: int
    words: str
    left: int = _LEFT
    top: int = _TOP
    base: int = _BASE
    width: int = WIDTH
    height: int = HEIGHT


def plot(hours: Sequence[Hour]) -> Plot:
    """The chart of `hours`, which are at least one, oldest first; two bars each."""
    most = _round_up(max(max(hour.deliveries, hour.actions) for hour in hours))
    step = (WIDTH - _LEFT) / len(hours)
    bars = [bar for at, hour in enumerate(hours) for bar in _bars(at, hour, step, most)]
    labels = [
        AxisLabel(_label_x(_LEFT + step * (at + 0.5)), HEIGHT - 6.0, hour_of_day(hour.since))
        for at, hour in enumerate(hours)
        if int(hour.since // 3600) % _LABELLED_EVERY == 0
    ]
    return Plot(bars, labels, most, _words(hours))


def _bars(at: int, hour: Hour, step: float, most: int) -> Sequence[Bar]:
    width = round(step * 0.38, 1)
    first = _LEFT + step * at + step * 0.1
    numbers = (("deliveries", hour.deliveries), ("actions", hour.actions))
    bars = []
    for place, (kind, number) in enumerate(numbers):
        # A single delivery stays visible next to thousands.
        height = max(_LEAST_BAR, (_BASE - _TOP) * number / most) if number else 0.0
        x = first + place * (width + 1)
        bars.append(Bar(kind, round(x, 1), round(_BASE - height, 1), width, round(height, 1)))
    return bars


def _label_x(middle: float) -> float:
    return round(min(max(middle, _HALF_LABEL), WIDTH - _HALF_LABEL), 1)


def _words(hours: Sequence[Hour]) -> str:
    deliveries = sum(hour.deliveries for hour in hours)
    actions = sum(hour.actions for hour in hours)
    return (
        f"{_number(deliveries, 'delivery', 'deliveries')} and "
        f"{_number(actions, 'action', 'actions')} in {len(hours)} hours."
    )


def _number(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _round_up(number: int) -> int:
    """The next of 1, 2, 5, 10, 20, 50, ...: a number that is read at a glance."""
    size = 1
    while True:
        for step in (1, 2, 5):
            if number <= step * size:
                return step * size
        size *= 10
