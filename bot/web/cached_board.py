"""What the page shows of a board that is elsewhere: what was seen of it last, at once.

A visitor never waits for that server: whoever comes sets a thread to look, at most one at a time,
and gets what is known. Only the very first one waits for it, a second at most.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.store.board import Board, BoardAway, Line

FRESH_SECONDS = 15.0
_FIRST_SECONDS = 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BoardView:
    """Lines, newest first; `silent_since` (epoch seconds) where the board does not answer now."""

    lines: Sequence[Line]
    silent_since: float | None = None


class CachedBoard:
    """Looks at `board` from time to time. Threads may share it.

    Until something was seen of it, what is in `own`, the bot's database, is shown.
    """

    def __init__(self, board: Board, own: Board, *, clock: Callable[[], float]) -> None:
        self._board = board
        self._own = own
        self._clock = clock
        self._lock = threading.Lock()
        self._lines: Sequence[Line] | None = None
        self._silent_since: float | None = None
        self._looked_at: float | None = None
        self._looking: threading.Thread | None = None

    def __call__(self) -> BoardView:
        """What to show. Raises SQLAlchemyError, database away; never waits longer than a second."""
        thread, first = self._look()
        if first and thread is not None:
            thread.join(_FIRST_SECONDS)
        with self._lock:
            lines, silent_since = self._lines, self._silent_since
        return BoardView(self._own.lines() if lines is None else lines, silent_since)

    def wait(self) -> None:
        """Wait until nobody is looking; for tests."""
        with self._lock:
            thread = self._looking
        if thread is not None:
            thread.join()

    def _look(self) -> tuple[threading.Thread | None, bool]:
        """Set a thread to look, if it is time; return it, and whether it is the first."""
        now = self._clock()
        with self._lock:
            first = self._looked_at is None
            due = self._looked_at is None or not 0 <= now - self._looked_at < FRESH_SECONDS
            if due and self._looking is None:
                self._looked_at = now
                self._looking = threading.Thread(target=self._see, name="glance", daemon=True)
                self._looking.start()
            return self._looking, first

    def _see(self) -> None:
        lines: Sequence[Line] | None = None
        try:
            lines = self._board.lines()
        except BoardAway as error:
            log.info("%s", error)
        except Exception:  # a page must not be without its lines for ever
            log.exception("looking at the board failed")
        with self._lock:
            if lines is not None:
                self._lines, self._silent_since = lines, None
            elif self._silent_since is None:
                self._silent_since = self._looked_at
            self._looking = None
