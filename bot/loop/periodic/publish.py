"""What the loop leaves on its board in the database is brought elsewhere, each line once.

A duty of one loop of all, in a thread of its own: a server that is down or slow holds up nothing.
The newest hundred lines are kept in the database anyway; those that are not yet there are sent in
their order as soon as the server is back. Before a line is sent, it is noted that it is being sent;
if the end is not known, the next try waits until what was sent must have arrived, and looks for the
line's `uid` first. A publisher that was stopped between note and request finds that it is too late.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import Engine, select, update

from bot.store.board import BoardAway, Line, Mood
from bot.store.meters import BOARD_FAILURES_TOTAL
from bot.store.tables import board_line as table
from luggage.database import reading, writing
from luggage.telemetry.meter import Meter

EVERY_SECONDS = 5.0
# So long after its note a line may still be sent; and so long after that it may still arrive: 3 s
# to connect, 10 s until the kernel gives up what is not acknowledged, and as much for the server.
SEND_SECONDS = 5.0
ARRIVAL_SECONDS = 25.0
# So long a server is left alone that did not do what it was asked.
PAUSE_SECONDS = 30.0

log = logging.getLogger(__name__)


class LinesElsewhere(Protocol):
    """Where lines are brought; both raise BoardAway."""

    def add(self, line: Line, uid: str, *, not_after: float) -> None:
        """Leave a line, unless it is later than `not_after`."""

    def has(self, uid: str) -> bool:
        """Whether that line is there."""


class MoodElsewhere(Protocol):
    """Where the mood is shown; both raise BoardAway."""

    def felt(self) -> str | None:
        """What is shown there."""

    def feel(self, mood: Mood, *, not_after: float) -> None:
        """Show this mood instead, unless it is later than `not_after`."""


@dataclass(frozen=True)
class Pending:
    """A line that is not known to be there; `sending_at` is when it was last about to be sent."""

    uid: str
    line: Line
    sending_at: float | None


@dataclass(frozen=True)
class Outbox:
    """The lines in the database, and what has become of them elsewhere. Raises SQLAlchemyError."""

    engine: Engine
    clock: Callable[[], float]

    def pending(self) -> Sequence[Pending]:
        """Those that are not known to be there, oldest first; a hundred at most."""
        waiting = table.c.sent_at.is_(None) & table.c.uid.is_not(None)
        query = select(table.c.uid, table.c.said_at, table.c.text, table.c.sending_at)
        with reading(self.engine) as connection:
            rows = connection.execute(query.where(waiting).order_by(table.c.id)).all()
        return [Pending(uid, Line(at, text), sending) for uid, at, text, sending in rows]

    def sending(self, pending: Pending) -> bool:
        """Note that it is about to be sent; False where another has noted that meanwhile."""
        same = table.c.sending_at.is_not_distinct_from(pending.sending_at)
        return self._note(pending, same, sending_at=self.clock())

    def sent(self, pending: Pending) -> None:
        """Note that it is there. Safe to repeat."""
        self._note(pending, table.c.sent_at.is_(None), sent_at=self.clock())

    def _note(self, pending: Pending, still: Any, **values: float) -> bool:
        one = update(table).where(table.c.uid == pending.uid, still)
        with writing(self.engine) as connection:
            return connection.execute(one.values(values)).rowcount == 1


@dataclass
class Lines:
    """Brings lines from the outbox to the board elsewhere."""

    outbox: Outbox
    board: LinesElsewhere
    clock: Callable[[], float]

    def __call__(self) -> None:
        """Bring what is pending, in order. Raises BoardAway at the first that did not go."""
        for pending in self.outbox.pending():
            if not self._bring(pending):
                return

    def _bring(self, pending: Pending) -> bool:
        """Bring one; False where it is not yet time to know, or another is bringing it."""
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
    """Shows the mood elsewhere when it changes. `mood` gives the one that is."""

    mood: Callable[[], Mood]
    elsewhere: MoodElsewhere
    clock: Callable[[], float]
    _shown: str | None = None

    def __call__(self) -> None:
        """Show it, if another is shown. Raises BoardAway."""
        now, mood = self.clock(), self.mood()
        if self._shown is None:
            self._shown = self.elsewhere.felt()
        if mood.value != self._shown:
            self._shown = None  # until it is known again
            self.elsewhere.feel(mood, not_after=now + SEND_SECONDS)
            self._shown = mood.value


@dataclass
class Publisher:
    """Does both, each server by itself; what goes wrong is told once, and again when it is over."""

    parts: Sequence["Part"]

    def __call__(self) -> None:
        """Take one turn. Raises SQLAlchemyError, database away; safe to repeat, and to kill."""
        for part in self.parts:
            part()


@dataclass
class Part:
    """One thing to be done at one server, which is left alone for a while after it failed."""

    name: str
    do: Callable[[], None]
    clock: Callable[[], float]
    meter: Meter = field(default_factory=Meter)
    _not_before: float = 0.0
    _trouble: bool = False

    def __call__(self) -> None:
        """Do it, if it is time. Never raises BoardAway."""
        now = self.clock()
        # The second half is for a clock that was put back.
        if now < self._not_before <= now + PAUSE_SECONDS:
            return
        try:
            self.do()
        except BoardAway as error:
            self._fail(error)
        else:
            if self._trouble:
                log.info("%s: the board's server is back", self.name)
            self._trouble = False

    def _fail(self, error: BoardAway) -> None:
        self.meter.add(BOARD_FAILURES_TOTAL)
        self._not_before = self.clock() + PAUSE_SECONDS
        level = logging.DEBUG if self._trouble else logging.WARNING
        log.log(level, "%s: %s; it is tried until it works", self.name, error)
        self._trouble = True
