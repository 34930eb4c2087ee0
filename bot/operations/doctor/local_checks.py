"""Health checks on this machine: the database, the disk, the loop's heartbeat."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from bot.operations.doctor.examination import Finding, failed, ok, skipped, warning
from bot.store.board import ASLEEP_AFTER_SECONDS, SqlBoard
from bot.store.refusals import Refusals
from luggage.database import History, check, is_pooled, quick_check
from luggage.jobs import Queue

_GB = 1024**3
# A busy organisation's payloads of a month take some hundred MB.
LOW_BYTES = 1 * _GB
CRITICAL_BYTES = _GB // 10
# The search for damage in a large SQLite file ends after this time.
_CHECK_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class LocalChecks:
    """Checks of one bot's data.

    `connect` opens the database; it is not called while there is none (`is_new`), because a check
    must not create it. `program` is what operators type before a subcommand.
    """

    connect: Callable[[], Engine]
    is_new: bool
    histories: Sequence[History]
    data: Path
    program: str
    clock: Callable[[], float]

    def database(self) -> Finding:
        """The database answers, is undamaged, and has the tables of this release."""
        if self.is_new:
            return warning("it does not exist yet", f"`{self.program} start` creates it")
        engine = self.connect()
        try:
            check(engine, self.histories)
            damage = quick_check(engine, seconds=_CHECK_SECONDS)
        finally:
            engine.dispose()
        if damage:
            detail, _, remedy = damage.rpartition(": ")
            return failed(detail, remedy)
        kind = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[engine.dialect.name]
        where = " through a pooler in transaction mode" if is_pooled(engine) else ""
        whole = "is undamaged, " if engine.dialect.name == "sqlite" else ""
        return ok(f"{kind} answers{where}, {whole}and has the tables of this release")

    def disk(self) -> Finding:
        """The data directory has free space."""
        data = self.data.absolute()
        existing = next(path for path in (data, *data.parents) if path.exists())
        free = shutil.disk_usage(existing).free
        detail = f"{free / _GB:.1f} GB are free in {self.data}"
        if free < CRITICAL_BYTES:
            return failed(detail, "free some space, or deliveries cannot be stored")
        if free < LOW_BYTES:
            return warning(detail, "free some space, or lower keep.payload_days")
        return ok(detail)

    def loop(self) -> Finding:
        """A loop has sent a heartbeat lately and is not paused."""
        if self.is_new:
            return skipped("the bot has not run yet")
        engine = self.connect()
        try:
            beat_at = SqlBoard(engine, clock=self.clock).last_beat_at()
            is_paused = Queue(engine, clock=self.clock).standing().paused
        finally:
            engine.dispose()
        if beat_at is None:
            return failed("no loop has ever run", f"run the bot: `{self.program} start`")
        silent_seconds = self.clock() - beat_at
        if silent_seconds > ASLEEP_AFTER_SECONDS:
            detail = f"no heartbeat for {_duration(silent_seconds)}"
            return failed(detail, f"run the bot: `{self.program} start`; if it runs, read its log")
        if is_paused:
            return warning("an operator has paused it", f"`{self.program} resume` resumes it")
        return ok(f"last heartbeat {_duration(max(silent_seconds, 0.0))} ago")

    def refusals(self) -> Finding:
        """GitHub refuses the loop in no installation."""
        if self.is_new:
            return skipped("the bot has not run yet")
        engine = self.connect()
        try:
            refused = Refusals(engine, clock=self.clock).all()
        finally:
            engine.dispose()
        if refused:
            return failed(
                "; ".join(f"{each.account}: {each.words}" for each in refused),
                "; ".join(dict.fromkeys(each.remedy for each in refused)),
            )
        return ok("GitHub refuses the loop nowhere")


def _duration(seconds: float) -> str:
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"
