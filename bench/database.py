"""Databases with the bot's tables, and jobs to fill them."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from bench.bot import POSTGRESQL, SQLITE
from bench.postgresql import running_postgresql
from bot.events import DELIVERIES
from bot_deploy.wiring.parts import HISTORIES
from luggage.database import migrate, open_engine
from luggage.jobs import NewJob

DATABASES = (SQLITE, POSTGRESQL)


@contextlib.contextmanager
def databases(kind: str, home: Path) -> Iterator[Callable[[], str]]:
    """A function that returns the address of another empty database of this kind.

    PostgreSQL's share one server; SQLite's files lie in `home`.
    """
    if kind == SQLITE:
        numbers = count()
        yield lambda: f"sqlite:///{home / f'bench-{next(numbers)}.sqlite'}"
        return
    with running_postgresql() as server:
        yield server.new_database


@contextlib.contextmanager
def opened(url: str, *, pool_size: int = 5) -> Iterator[Engine]:
    """An engine on a migrated database, opened as the bot opens it."""
    engine = open_engine(url, pool_size=pool_size)
    try:
        migrate(engine, HISTORIES, log=lambda _: None)
        yield engine
    finally:
        engine.dispose()


def deliveries(number: int, tag: str, *, subject: str, body: bytes, kind: str) -> list[NewJob]:
    """Deliveries with different keys and subjects, so that none waits for another."""
    run_at = time.time()
    return [
        NewJob(
            queue=DELIVERIES,
            key=f"{tag}-{each}",
            subject=f"{subject}#{tag}-{each}",
            kind=kind,
            body=body,
            run_at=run_at,
        )
        for each in range(number)
    ]


def freshen(engine: Engine) -> None:
    """Run the database's maintenance now: update statistics, write a checkpoint."""
    chores: Sequence[str] = ("PRAGMA wal_checkpoint(TRUNCATE)",)
    if engine.dialect.name == "postgresql":
        chores = ("VACUUM (ANALYZE) job", "VACUUM (ANALYZE) job_body", "CHECKPOINT")
    with engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        if engine.dialect.name == "postgresql":
            raw.autocommit = True
        for chore in chores:
            raw.execute(chore).close()
        if engine.dialect.name == "postgresql":
            raw.autocommit = False
