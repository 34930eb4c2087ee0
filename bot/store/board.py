"""Board: the bot's mood, its public lines, and the heartbeats of its loops.

Lines are public, so they never name a repository or a person.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from sqlalchemy import Engine, delete, func, insert, select

from bot.store.refusals import Refusals, public_words
from bot.store.tables import beat, board_line, recovery
from luggage.database import reading, writing
from luggage.jobs import Queue, Standing

KEPT_LINES = 100
# Each loop sends a heartbeat every few seconds; without one for this long, no loop is running.
ASLEEP_AFTER_SECONDS = 30.0
# GitHub drops failed deliveries after 72 hours; the operator should know well before that.
LATE_AFTER_SECONDS = 6 * 3600.0


class Mood(StrEnum):
    """The bot's mood; the first one that applies is shown."""

    ASLEEP = "asleep"
    WORRIED = "worried"
    BUSY = "busy"
    BORED = "bored"


@dataclass(frozen=True, slots=True)
class Feeling:
    """A mood and its reason, for the public."""

    mood: Mood
    reason: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the board, with its time in epoch seconds."""

    said_at: float
    text: str


def feeling(
    standing: Standing,
    *,
    beat_at: float | None,
    now: float,
    caught_up_at: float | None = None,
    refused: str = "",
) -> Feeling:
    """The mood for a state of the queue, the last heartbeat and the last full recovery. Pure.

    `refused` says what GitHub refuses (bot.store.refusals.public_words).
    """
    felt = _feeling(standing, beat_at=beat_at, now=now, caught_up_at=caught_up_at)
    return replace(felt, reason=f"{felt.reason}. {refused}") if refused else felt


def _feeling(
    standing: Standing, *, beat_at: float | None, now: float, caught_up_at: float | None
) -> Feeling:
    if beat_at is None or now - beat_at > ASLEEP_AFTER_SECONDS:
        return Feeling(Mood.ASLEEP, "no heartbeat from the loop")
    if standing.paused:
        return Feeling(Mood.ASLEEP, "paused by hand")
    late_seconds = 0.0 if caught_up_at is None else now - caught_up_at
    for worry in _worries(standing, late_seconds):
        return Feeling(Mood.WORRIED, worry)
    if standing.waiting:
        return Feeling(Mood.BUSY, f"{_jobs(standing.waiting)} in progress{_paused(standing)}")
    return Feeling(Mood.BORED, f"nothing to do{_paused(standing)}")


def _paused(standing: Standing) -> str:
    """The number of organisations that are paused; their names are private."""
    parts = standing.paused_parts
    organizations = "one organisation" if parts == 1 else f"{parts} organisations"
    return f"; paused for {organizations}" if parts else ""


def _worries(standing: Standing, late_seconds: float) -> Iterator[str]:
    """The reasons to worry, most serious first."""
    if late_seconds > LATE_AFTER_SECONDS:
        yield f"for {int(late_seconds / 3600)} hours I could not check for missed deliveries"
    if standing.dead:
        yield f"{_jobs(standing.dead)} failed"
    if standing.retrying:
        yield f"{_jobs(standing.retrying)} will be retried"


def _jobs(count: int) -> str:
    return "one job" if count == 1 else f"{count} jobs"


class BoardAway(Exception):  # noqa: N818  # a state, not a bug
    """The board's server failed or did not respond; the message contains no key."""


class Board(Protocol):
    """A public board; it keeps at least the newest hundred lines."""

    def say(self, text: str) -> None:
        """Add a line. Repeating adds another line."""

    def lines(self, limit: int = 20) -> Sequence[Line]:
        """The newest lines first."""


class SqlBoard:
    """The board and the heartbeats, in the bot's database. Threads and processes may share it."""

    def __init__(self, engine: Engine, *, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock

    def say(self, text: str) -> None:
        """Add a line, and keep the newest hundred. Repeating adds another line."""
        kept = select(board_line.c.id).order_by(board_line.c.id.desc()).limit(KEPT_LINES)
        with writing(self._engine) as connection:
            line = {"said_at": self._clock(), "text": text, "uid": secrets.token_hex(16)}
            connection.execute(insert(board_line).values(line))
            ids = connection.execute(kept).scalars().all()
            connection.execute(delete(board_line).where(board_line.c.id < min(ids)))

    def lines(self, limit: int = 20) -> Sequence[Line]:
        """The newest lines first."""
        query = select(board_line.c.said_at, board_line.c.text)
        newest = query.order_by(board_line.c.id.desc()).limit(limit)
        with reading(self._engine) as connection:
            return [Line(row.said_at, row.text) for row in connection.execute(newest)]

    def beat(self, name: str) -> None:
        """Store a heartbeat of the loop `name`. Safe to repeat."""
        now = self._clock()
        expired = beat.c.beat_at < now - ASLEEP_AFTER_SECONDS
        with writing(self._engine) as connection:
            connection.execute(delete(beat).where((beat.c.name == name) | expired))
            connection.execute(insert(beat).values(name=name, beat_at=now))

    def last_beat_at(self) -> float | None:
        """The time of the last heartbeat in epoch seconds, or None."""
        with reading(self._engine) as connection:
            newest: float | None = connection.execute(select(func.max(beat.c.beat_at))).scalar_one()
        return newest

    def caught_up_at(self) -> float | None:
        """When no delivery was missing, in epoch seconds, or None."""
        with reading(self._engine) as connection:
            return connection.execute(select(recovery.c.caught_up_at)).scalar_one_or_none()

    def refused(self) -> Mapping[str, int]:
        """The number of installations in which GitHub refuses something, by kind."""
        return Refusals(self._engine, clock=self._clock).counts()


def current_feeling(queue: Queue, board: SqlBoard, now: float) -> Feeling:
    """The current mood, from the database. Raises SQLAlchemyError."""
    return feeling(
        queue.standing(),
        beat_at=board.last_beat_at(),
        now=now,
        caught_up_at=board.caught_up_at(),
        refused=public_words(board.refused()),
    )
