"""The board: the mood, the lines that the loop leaves, and the beats that say it lives.

Kept in the bot's database. The board is public, so a line never names a repository or a person.
"""

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sqlalchemy import Engine, delete, func, insert, select

from bot.store.tables import beat, board_line, recovery
from luggage.database import reading, writing
from luggage.jobs import Queue, Standing

KEPT_LINES = 100
# The loop beats every few seconds; silence for this long means that no loop is running.
ASLEEP_AFTER_SECONDS = 30.0
# GitHub forgets a delivery that failed after 72 hours; long before that, somebody should know.
LATE_AFTER_SECONDS = 6 * 3600.0


class Mood(StrEnum):
    """How the bot is; the order is that of importance, the first that holds is shown."""

    ASLEEP = "asleep"
    WORRIED = "worried"
    BUSY = "busy"
    BORED = "bored"


@dataclass(frozen=True, slots=True)
class Feeling:
    """A mood and its reason, in words that anybody may read."""

    mood: Mood
    reason: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the board, with the time at which it was left, in seconds since the epoch."""

    said_at: float
    text: str


def feeling(
    standing: Standing, *, beat_at: float | None, now: float, caught_up_at: float | None = None
) -> Feeling:
    """The honest mood: pure, from the queue, the loop's last beat, and the last full recovery."""
    if beat_at is None or now - beat_at > ASLEEP_AFTER_SECONDS:
        return Feeling(Mood.ASLEEP, "no sign of the loop")
    if standing.paused:
        return Feeling(Mood.ASLEEP, "paused by hand")
    late_seconds = 0.0 if caught_up_at is None else now - caught_up_at
    for worry in _worries(standing, late_seconds):
        return Feeling(Mood.WORRIED, worry)
    if standing.waiting:
        return Feeling(Mood.BUSY, f"{_jobs(standing.waiting)} in hand{_resting(standing)}")
    return Feeling(Mood.BORED, f"nothing to do{_resting(standing)}")


def _resting(standing: Standing) -> str:
    """That owners have told it to rest; for whom is nobody else's business."""
    parts = standing.paused_parts
    for_whom = "one organisation" if parts == 1 else f"{parts} organisations"
    return f"; paused for {for_whom}" if parts else ""


def _worries(standing: Standing, late_seconds: float) -> Iterator[str]:
    """The reasons to worry, the gravest first."""
    if late_seconds > LATE_AFTER_SECONDS:
        yield f"for {int(late_seconds / 3600)} hours I could not see what I have missed"
    if standing.dead:
        yield f"{_jobs(standing.dead)} could not be done"
    if standing.retrying:
        yield f"{_jobs(standing.retrying)} must be tried again"


def _jobs(count: int) -> str:
    return "one job" if count == 1 else f"{count} jobs"


class BoardAway(Exception):  # noqa: N818  # what is the case, as the page says it
    """The board's server did not do what it was asked; the message shows no key."""


class Board(Protocol):
    """Where lines are left for the world to read; each keeps at least the newest hundred."""

    def say(self, text: str) -> None:
        """Leave a line. Repeating it leaves another line."""

    def lines(self, limit: int = 20) -> Sequence[Line]:
        """The lines, newest first."""


class SqlBoard:
    """The lines and the beats, in the bot's database. Threads and processes may share it."""

    def __init__(self, engine: Engine, *, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock

    def say(self, text: str) -> None:
        """Leave a line; the newest hundred are kept. Repeating it leaves another line."""
        kept = select(board_line.c.id).order_by(board_line.c.id.desc()).limit(KEPT_LINES)
        with writing(self._engine) as connection:
            line = {"said_at": self._clock(), "text": text, "uid": secrets.token_hex(16)}
            connection.execute(insert(board_line).values(line))
            ids = connection.execute(kept).scalars().all()
            connection.execute(delete(board_line).where(board_line.c.id < min(ids)))

    def lines(self, limit: int = 20) -> Sequence[Line]:
        """The lines, newest first."""
        wanted = select(board_line.c.said_at, board_line.c.text)
        newest = wanted.order_by(board_line.c.id.desc()).limit(limit)
        with reading(self._engine) as connection:
            return [Line(row.said_at, row.text) for row in connection.execute(newest)]

    def beat(self, name: str) -> None:
        """Say that the loop called `name` lives. Safe to repeat."""
        now = self._clock()
        forgotten = beat.c.beat_at < now - ASLEEP_AFTER_SECONDS
        with writing(self._engine) as connection:
            connection.execute(delete(beat).where((beat.c.name == name) | forgotten))
            connection.execute(insert(beat).values(name=name, beat_at=now))

    def last_beat_at(self) -> float | None:
        """When a loop was last heard from, in seconds since the epoch; None for never."""
        with reading(self._engine) as connection:
            newest: float | None = connection.execute(select(func.max(beat.c.beat_at))).scalar_one()
        return newest

    def caught_up_at(self) -> float | None:
        """When no delivery was known to be missing, in seconds since the epoch; None for never."""
        with reading(self._engine) as connection:
            return connection.execute(select(recovery.c.caught_up_at)).scalar_one_or_none()


def current_feeling(queue: Queue, board: SqlBoard, now: float) -> Feeling:
    """The mood that is, from what the database knows. Raises SQLAlchemyError, database away."""
    return feeling(
        queue.standing(),
        beat_at=board.last_beat_at(),
        now=now,
        caught_up_at=board.caught_up_at(),
    )
