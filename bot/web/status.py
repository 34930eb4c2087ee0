"""Public status page. It names no person and nothing private, and caches expensive queries."""

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

CACHED_SECONDS = 10.0
_ACTIVITIES = 8

T = TypeVar("T")
log = logging.getLogger(__name__)


class Cached(Generic[T]):
    """The cached result of `make`. Threads share it; one of them renews it for all."""

    def __init__(self, make: Callable[[], T], seconds: float, clock: Callable[[], float]) -> None:
        self._make = make
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._cached: tuple[float, T] | None = None

    def __call__(self) -> T:
        """The value. Raises the exceptions of `make`, and does not cache them."""
        with self._lock:
            now = self._clock()
            if self._cached is None or not 0 <= now - self._cached[0] < self._seconds:
                self._cached = now, self._make()
            return self._cached[1]


@dataclass(frozen=True, slots=True)
class LastDay:
    """The last 24 hours: the latest activities, and the numbers of each hour."""

    activities: Sequence[Activity]
    hours: Sequence[Hour]
    plot: Plot


# Without a look at GitHub's log for this long, the page warns: the loop stores each minute's.
SILENT_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Receiving:
    """How deliveries come in, and since when none can, in epoch seconds; None if they can."""

    words: str
    failing_since: float | None = None


def receiving(poll_seconds: float | None, *, looked_at: float | None, now: float) -> Receiving:
    """How deliveries come in, by webhook (None) or fetched every `poll_seconds`. Pure."""
    if poll_seconds is None:
        return Receiving("GitHub sends me its deliveries as they happen.")
    words = f"I fetch deliveries from GitHub every {poll_seconds:g} seconds."
    late = looked_at is not None and now - looked_at > max(SILENT_SECONDS, 2 * poll_seconds)
    return Receiving(words, looked_at if late else None)


class Status:
    """The content of the page; `cached_board` returns the lines of a board on another server.

    `poll_seconds` is the time between two looks for deliveries; None if GitHub sends them.

    Every method raises SQLAlchemyError if the database does not respond.
    """

    def __init__(  # noqa: PLR0913 -- keyword-only parts of the page
        self,
        name: str,
        queue: Queue,
        board: SqlBoard,
        *,
        clock: Callable[[], float],
        cached_board: Callable[[], BoardView] | None = None,
        poll_seconds: float | None = None,
    ) -> None:
        self.name = name
        self._queue = queue
        self._board = board
        self._clock = clock
        self._cached_board = cached_board
        self._poll_seconds = poll_seconds
        self._history = DeliveryHistory(queue, clock=clock)
        self._last_day = Cached(self._read_last_day, CACHED_SECONDS, clock)

    def feeling(self) -> Feeling:
        """The mood and its reason."""
        return current_feeling(self._queue, self._board, self._clock())

    def variables(self) -> dict[str, Any]:
        """The template's variables."""
        board = self._cached_board() if self._cached_board else BoardView(self._board.lines())
        return {
            "name": self.name,
            "feeling": self.feeling(),
            "receiving": self._receiving(),
            "lines": board.lines,
            "silent_since": board.silent_since,
            "day": self._last_day(),
        }

    def _receiving(self) -> Receiving:
        looked_at = self._board.caught_up_at()
        return receiving(self._poll_seconds, looked_at=looked_at, now=self._clock())

    def _read_last_day(self) -> LastDay:
        hours = self._history.per_hour()
        return LastDay(self._history.lately(_ACTIVITIES), hours, plot(hours))


def add_status(pages: Blueprint, status: Status) -> None:
    """Add the page to a blueprint, as `/`."""

    @pages.get("/")
    def show_status() -> ResponseReturnValue:
        try:
            return render_template("bot/status.html", **status.variables())
        except SQLAlchemyError as error:
            log.error(unavailable(error))  # noqa: TRY400
            feels = Feeling(Mood.WORRIED, "my database does not respond")
            return render_template("bot/status.html", name=status.name, feeling=feels), 503
