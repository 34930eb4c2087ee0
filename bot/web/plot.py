"""The last day as a small plot: where each bar stands. Pure; the template draws it as SVG.

Chosen: bars computed here, an SVG inside the page. Against a library that draws: it would bring
styles or scripts that the pages' policy forbids, for two rows of rectangles.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.operations.history.records import Hour
from bot.web.shared import hour_of_day

WIDTH, HEIGHT = 720, 156
_TOP, _BASE, _LEFT = 14, 126, 34
_LABELLED_EVERY = 6
_LEAST_BAR = 2.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar in the units of the drawing; `kind` is "deliveries" or "actions"."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class AxisLabel:
    """A text at a place."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing of WIDTH by HEIGHT; `most` is the number at the line on top."""

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
    """The drawing of `hours`, oldest first, at least one; two bars for each."""
    most = _round_up(max(max(hour.deliveries, hour.actions) for hour in hours))
    step = (WIDTH - _LEFT) / len(hours)
    bars = [bar for at, hour in enumerate(hours) for bar in _bars(at, hour, step, most)]
    labels = [
        AxisLabel(round(_LEFT + step * (at + 0.5), 1), HEIGHT - 6.0, hour_of_day(hour.since))
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
        # One of ten thousand is seen too.
        height = max(_LEAST_BAR, (_BASE - _TOP) * number / most) if number else 0.0
        x = first + place * (width + 1)
        bars.append(Bar(kind, round(x, 1), round(_BASE - height, 1), width, round(height, 1)))
    return bars


def _words(hours: Sequence[Hour]) -> str:
    deliveries = sum(hour.deliveries for hour in hours)
    actions = sum(hour.actions for hour in hours)
    return (
        f"{_number(deliveries, 'delivery', 'deliveries')} came in, and "
        f"{_number(actions, 'action', 'actions')} followed, in {len(hours)} hours."
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
