"""What can be seen on this machine: the database, the disk, the loop's beats."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True)
class LocalChecks:
    """Looks at the data of one bot.

    `connect` opens its database, and is not called while there is none (`is_new`): looking must not
    make one. `program` is what operators type before a subcommand.
    """

    connect: Callable[[], Engine]
    is_new: bool
    histories: Sequence[History]
    data: Path
    program: str
    clock: Callable[[], float]

    def database(self) -> Finding:
        """It answers, and has the tables of this release."""
        if self.is_new:
            return warning("there is none yet", f"`{self.program} start` makes it")
        engine = self.connect()
        try:
            check(engine, self.histories)
        finally:
            engine.dispose()
        kind = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[engine.dialect.name]
        return ok(f"{kind} answers, and has the tables of this release")

    def disk(self) -> Finding:
        """There is room in the data directory."""
        there = next(each for each in (self.data.absolute(), *self.data.absolute().parents)
                     if each.exists())  # fmt: skip
        free = shutil.disk_usage(there).free
        words = f"{free / _GB:.1f} GB are free in {self.data}"
        if free < TOO_LITTLE_BYTES:
            return failed(words, "make room, or deliveries cannot be stored")
        if free < LITTLE_BYTES:
            return warning(words, "make room, or lower keep.payload_days")
        return ok(words)

    def loop(self) -> Finding:
        """A loop was heard from, and nobody has paused it."""
        if self.is_new:
            return skipped("the bot has not run yet")
        engine = self.connect()
        try:
            beat_at = SqlBoard(engine, clock=self.clock).last_beat_at()
            is_paused = Queue(engine, clock=self.clock).standing().paused
        finally:
            engine.dispose()
        if beat_at is None:
            return failed("none was ever heard from", f"run the bot: `{self.program} start`")
        silent_seconds = self.clock() - beat_at
        if silent_seconds > ASLEEP_AFTER_SECONDS:
            words = f"none was heard from for {_span(silent_seconds)}"
            return failed(words, f"run the bot: `{self.program} start`; if it runs, see its log")
        if is_paused:
            return warning("it is paused by hand", f"`{self.program} resume` goes on")
        return ok(f"heard from {_span(max(silent_seconds, 0.0))} ago")


def _span(seconds: float) -> str:
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"
