"""Board publisher: copies the loop's board lines and mood to a remote board, each line once.

One loop at a time publishes, in its own thread, so a slow server blocks nothing else. The database
keeps the newest hundred lines; unsent ones go out in order when the server is back.

`sending_at` is stored before a line is sent. If the outcome is unknown, the next attempt waits
until the line must have arrived, then looks for its `uid`. A publisher stopped in between finds
that its line is too late.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import Engine, select, update

from bot.loop.periodic.scheduler import run_each
from bot.store.board import BoardAway, Line, Mood
from bot.store.meters import BOARD_FAILURES_TOTAL
from bot.store.tables import board_line as table
from luggage.database import reading, writing
from luggage.telemetry.meter import Meter

EVERY_SECONDS = 5.0
# A line may be sent this long after `sending_at`, and arrive this long after that: 3 s to connect,
# 10 s until the kernel drops unacknowledged data, and as much for the server.
SEND_SECONDS = 5.0
ARRIVAL_SECONDS = 25.0
# How long a failed server is left alone, in seconds.
PAUSE_SECONDS = 30.0

log = logging.getLogger(__name__)


class RemoteLines(Protocol):
    """The remote board; both methods raise BoardAway."""

    def add(self, line: Line, uid: str, *, not_after: float) -> None:
        """Add a line, unless it is later than `not_after`."""

    def has(self, uid: str) -> bool:
        """Whether the board has that line."""


class RemoteMood(Protocol):
    """The remote mood; both methods raise BoardAway."""

    def felt(self) -> str | None:
        """The mood shown there."""

    def feel(self, mood: Mood, *, not_after: float) -> None:
        """Show this mood, unless it is later than `not_after`."""


@dataclass(frozen=True)
class Pending:
    """A line not known to have arrived; `sending_at` is when it was last sent, if ever."""

    uid: str
    line: Line
    sending_at: float | None


@dataclass(frozen=True)
class Outbox:
    """The lines in the database and their progress. Raises SQLAlchemyError."""

    engine: Engine
    clock: Callable[[], float]

    def pending(self) -> Sequence[Pending]:
        """Lines not known to have arrived, oldest first; a hundred at most."""
        waiting = table.c.sent_at.is_(None) & table.c.uid.is_not(None)
        query = select(table.c.uid, table.c.said_at, table.c.text, table.c.sending_at)
        with reading(self.engine) as connection:
            rows = connection.execute(query.where(waiting).order_by(table.c.id)).all()
        return [Pending(uid, Line(at, text), sending) for uid, at, text, sending in rows]

    def sending(self, pending: Pending) -> bool:
        """Store that it is about to be sent; False if another publisher did so meanwhile."""
        same = table.c.sending_at.is_not_distinct_from(pending.sending_at)
        return self._update(pending, same, sending_at=self.clock())

    def sent(self, pending: Pending) -> None:
        """Store that it has arrived. Safe to repeat."""
        self._update(pending, table.c.sent_at.is_(None), sent_at=self.clock())

    def _update(self, pending: Pending, still: Any, **values: float) -> bool:
        one = update(table).where(table.c.uid == pending.uid, still)
        with writing(self.engine) as connection:
            return connection.execute(one.values(values)).rowcount == 1


@dataclass
class Lines:
    """Copies lines from the outbox to the remote board."""

    outbox: Outbox
    board: RemoteLines
    clock: Callable[[], float]

    def __call__(self) -> None:
        """Send the pending lines in order. Raises BoardAway at the first failure."""
        for pending in self.outbox.pending():
            if not self._send(pending):
                return

    def _send(self, pending: Pending) -> bool:
        """Send one line; False if it is too early to know, or another publisher is sending it."""
        if pending.sending_at is not None:
            if self.clock() < pending.sending_at + SEND_SECONDS + ARRIVAL_SECONDS:
                return False
            if self.board.has(pending.uid):
                self.outbox.sent(pending)
                return True
        not_after = self.clock() + SEND_SECONDS
        if not self.outbox.sending(pending):
            return False
        self.board.add(pending.line, pending.uid, not_after=not_after)
        self.outbox.sent(pending)
        return True


@dataclass
class MoodShown:
    """Updates the remote mood when `mood` returns another one."""

    mood: Callable[[], Mood]
    remote: RemoteMood
    clock: Callable[[], float]
    _shown: str | None = None

    def __call__(self) -> None:
        """Update the remote mood if it differs. Raises BoardAway."""
        now, mood = self.clock(), self.mood()
        if self._shown is None:
            self._shown = self.remote.felt()
        if mood.value != self._shown:
            self._shown = None  # unknown until the call succeeds
            self.remote.feel(mood, not_after=now + SEND_SECONDS)
            self._shown = mood.value


@dataclass
class Publisher:
    """Runs the parts; a failing server does not affect the others."""

    parts: Sequence["Part"]

    def __call__(self) -> None:
        """Run once; raises what parts raise, after all have run. Safe to repeat and kill."""
        run_each("not everything was published", self.parts)


@dataclass
class Part:
    """A task at one server, paused for a while after a failure; logs failure and recovery once."""

    name: str
    do: Callable[[], None]
    clock: Callable[[], float]
    meter: Meter = field(default_factory=Meter)
    _not_before: float = 0.0
    _failing: bool = False

    def __call__(self) -> None:
        """Run the task unless it is paused. Never raises BoardAway."""
        now = self.clock()
        # The upper bound handles a clock that was set back.
        if now < self._not_before <= now + PAUSE_SECONDS:
            return
        try:
            self.do()
        except BoardAway as error:
            self._fail(error)
        else:
            if self._failing:
                log.info("%s: the board's server is back", self.name)
            self._failing = False

    def _fail(self, error: BoardAway) -> None:
        self.meter.add(BOARD_FAILURES_TOTAL)
        self._not_before = self.clock() + PAUSE_SECONDS
        level = logging.DEBUG if self._failing else logging.WARNING
        log.log(level, "%s: %s; retrying until it works", self.name, error)
        self._failing = True
