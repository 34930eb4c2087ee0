"""Cache of a board on another server.

A page view never waits for that server. It starts a background refresh, at most one at a time, and
shows the cached lines. Only the first view waits, for at most a second.
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
    """Lines, newest first; `silent_since` (epoch seconds) is set while the server is down."""

    lines: Sequence[Line]
    silent_since: float | None = None


class CachedBoard:
    """The lines of `board`, refreshed when they are FRESH_SECONDS old. Threads may share it.

    Before the first refresh it shows `own`, the board in the bot's database.
    """

    def __init__(self, board: Board, own: Board, *, clock: Callable[[], float]) -> None:
        self._board = board
        self._own = own
        self._clock = clock
        self._lock = threading.Lock()
        self._lines: Sequence[Line] | None = None
        self._silent_since: float | None = None
        self._refreshed_at: float | None = None
        self._refresh_thread: threading.Thread | None = None

    def __call__(self) -> BoardView:
        """The lines to show; waits at most a second. Raises SQLAlchemyError."""
        thread, is_first = self._start_refresh()
        if is_first and thread is not None:
            thread.join(_FIRST_SECONDS)
        with self._lock:
            lines, silent_since = self._lines, self._silent_since
        return BoardView(self._own.lines() if lines is None else lines, silent_since)

    def wait(self) -> None:
        """Wait for a running refresh; for tests."""
        with self._lock:
            thread = self._refresh_thread
        if thread is not None:
            thread.join()

    def _start_refresh(self) -> tuple[threading.Thread | None, bool]:
        """Start a refresh if it is due; return the running one, and whether it is the first."""
        now = self._clock()
        with self._lock:
            last = self._refreshed_at
            is_due = last is None or not 0 <= now - last < FRESH_SECONDS
            if is_due and self._refresh_thread is None:
                self._refreshed_at = now
                thread = threading.Thread(target=self._refresh, name="board", daemon=True)
                self._refresh_thread = thread
                thread.start()
            return self._refresh_thread, last is None

    def _refresh(self) -> None:
        lines: Sequence[Line] | None = None
        try:
            lines = self._board.lines()
        except BoardAway as error:
            log.info("%s", error)
        except Exception:  # the next refresh must still run
            log.exception("refreshing the board failed")
        with self._lock:
            if lines is not None:
                self._lines, self._silent_since = lines, None
            elif self._silent_since is None:
                self._silent_since = self._refreshed_at
            self._refresh_thread = None
