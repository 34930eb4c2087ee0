"""The status page: what everybody may see. It names no person and nothing that is private.

Anybody may ask for it as often as they like, so what costs something is remembered for a while.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from bot.operations.history.deliveries import DeliveryHistory
from bot.operations.history.records import Activity, Hour
from bot.store.board import Feeling, Mood, SqlBoard, current_feeling
from bot.web.cached_board import BoardView
from bot.web.plot import Plot, plot
from luggage.database import unavailable
from luggage.jobs import Queue

REMEMBERED_SECONDS = 10.0
_DEEDS = 8

T = TypeVar("T")
log = logging.getLogger(__name__)


class Cached(Generic[T]):
    """What `make` gave, for a while; threads share it, and one of them makes it anew for all."""

    def __init__(self, make: Callable[[], T], seconds: float, clock: Callable[[], float]) -> None:
        self._make = make
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._made: tuple[float, T] | None = None

    def __call__(self) -> T:
        """The value; raises what `make` raises, and remembers no failure."""
        with self._lock:
            now = self._clock()
            if self._made is None or not 0 <= now - self._made[0] < self._seconds:
                self._made = now, self._make()
            return self._made[1]


@dataclass(frozen=True, slots=True)
class LastDay:
    """The last day: what was done, and how much came in."""

    deeds: Sequence[Activity]
    hours: Sequence[Hour]
    plot: Plot


class Status:
    """What the page shows; `glance` gives the lines of a board that is elsewhere.

    Raises SQLAlchemyError when the database is away.
    """

    def __init__(
        self,
        name: str,
        queue: Queue,
        board: SqlBoard,
        *,
        clock: Callable[[], float],
        glance: Callable[[], BoardView] | None = None,
    ) -> None:
        self.name = name
        self._queue = queue
        self._board = board
        self._clock = clock
        self._glance = glance
        self._history = DeliveryHistory(queue, clock=clock)
        self._last_day = Cached(self._look_back, REMEMBERED_SECONDS, clock)

    def feeling(self) -> Feeling:
        """The mood and its reason."""
        return current_feeling(self._queue, self._board, self._clock())

    def shown(self) -> dict[str, Any]:
        """All that the template is given."""
        board = self._glance() if self._glance else BoardView(self._board.lines())
        return {
            "name": self.name,
            "feeling": self.feeling(),
            "lines": board.lines,
            "silent_since": board.silent_since,
            "day": self._last_day(),
        }

    def _look_back(self) -> LastDay:
        hours = self._history.per_hour()
        return LastDay(self._history.lately(_DEEDS), hours, plot(hours))


def add_status(pages: Blueprint, status: Status) -> None:
    """Add the page to a blueprint, as `/`."""

    @pages.get("/")
    def show_status() -> ResponseReturnValue:
        try:
            return render_template("bot/status.html", **status.shown())
        except SQLAlchemyError as error:
            log.error(unavailable(error))  # noqa: TRY400
            feels = Feeling(Mood.WORRIED, "my database does not answer")
            return render_template("bot/status.html", name=status.name, feeling=feels), 503
