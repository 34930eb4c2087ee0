"""What can be seen on this machine: the database, the disk, the loop's beats."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Engine

from bot.operations.doctor.examination import Finding, failed, ok, skipped, warning
from bot.store.board import ASLEEP_AFTER_SECONDS, SqlBoard
from luggage.database import History, check
from luggage.jobs import Queue

_GB = 1024**3
# A month's payloads of a busy organisation are some hundred MB.
LITTLE_BYTES = 1 * _GB
TOO_LITTLE_BYTES = _GB // 10
START = "python -m bot_deploy start"


class LocalChecks:
    """Looks at the data of one bot.

    `connect` opens its database, and is not called while there is none (`is_new`): looking must not
    make one.
    """

    def __init__(
        self,
        *,
        connect: Callable[[], Engine],
        is_new: bool,
        histories: Sequence[History],
        data: Path,
        clock: Callable[[], float],
    ) -> None:
        self._connect = connect
        self._is_new = is_new
        self._histories = histories
        self._data = data
        self._clock = clock

    def database(self) -> Finding:
        """It answers, and has the tables of this release."""
        if self._is_new:
            return warning("there is none yet", f"`{START}` makes it")
        engine = self._connect()
        try:
            check(engine, self._histories)
        finally:
            engine.dispose()
        kind = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[engine.dialect.name]
        return ok(f"{kind} answers, and has the tables of this release")

    def disk(self) -> Finding:
        """There is room in the data directory."""
        there = next(each for each in (self._data.absolute(), *self._data.absolute().parents)
                     if each.exists())  # fmt: skip
        free = shutil.disk_usage(there).free
        words = f"{free / _GB:.1f} GB are free in {self._data}"
        if free < TOO_LITTLE_BYTES:
            return failed(words, "make room, or deliveries cannot be stored")
        if free < LITTLE_BYTES:
            return warning(words, "make room, or lower keep.payload_days")
        return ok(words)

    def loop(self) -> Finding:
        """A loop was heard from, and nobody has paused it."""
        if self._is_new:
            return skipped("the bot has not run yet")
        engine = self._connect()
        try:
            beat_at = SqlBoard(engine, clock=self._clock).last_beat_at()
            is_paused = Queue(engine, clock=self._clock).standing().paused
        finally:
            engine.dispose()
        if beat_at is None:
            return failed("none was ever heard from", f"run the bot: `{START}`")
        silent_seconds = self._clock() - beat_at
        if silent_seconds > ASLEEP_AFTER_SECONDS:
            words = f"none was heard from for {_span(silent_seconds)}"
            return failed(words, f"run the bot: `{START}`; if it runs, see its log")
        if is_paused:
            return warning("it is paused by hand", "`python -m bot_deploy resume` goes on")
        return ok(f"heard from {_span(max(silent_seconds, 0.0))} ago")


def _span(seconds: float) -> str:
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"
