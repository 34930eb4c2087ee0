"""A database with the bot's tables, of either kind, and jobs to fill it with."""

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
    """A function that returns the address of one more empty database of this kind.

    All of PostgreSQL's are in one server; a file of SQLite lies in `home`.
    """
    if kind == SQLITE:
        numbers = count()
        yield lambda: f"sqlite:///{home / f'bench-{next(numbers)}.sqlite'}"
        return
    with running_postgresql() as server:
        yield server.new_database


@contextlib.contextmanager
def opened(url: str, *, pool_size: int = 5) -> Iterator[Engine]:
    """An engine on that database, migrated, as the bot opens it."""
    engine = open_engine(url, pool_size=pool_size)
    try:
        migrate(engine, HISTORIES, log=lambda _: None)
        yield engine
    finally:
        engine.dispose()


def deliveries(number: int, tag: str, *, subject: str, body: bytes, kind: str) -> list[NewJob]:
    """Deliveries that differ in their key and in what they are about: no one waits for another."""
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
    """Have the database do now what it would do by itself some time: know its tables, write out."""
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
