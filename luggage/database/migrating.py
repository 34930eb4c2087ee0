"""Migrations by Alembic, and the check that the database matches the code."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from luggage.database.access import (
    explained_refusals,
    refuse_foreign,
    refuse_unknown_pooler,
    refuse_unwritable,
)
from luggage.database.engines import reading
from luggage.database.history import History

# How long to wait for another process's migration.
MIGRATION_TIMEOUT_SECONDS = 600.0
# The name of PostgreSQL's advisory lock: any number, the same in all releases.
MIGRATION_LOCK = 0x706F72746D616E
# How long a migration waits for a table that a long transaction holds. Every process that needs the
# table waits behind it, and GitHub gives them ten seconds.
TABLE_LOCK_SECONDS = 2.0
# In between, those processes catch up.
PAUSE_SECONDS = 5.0
_TRIES = 100
# PostgreSQL's lock_not_available.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_LOCKED = "55P03"


def migrate(
    engine: Engine,
    histories: Sequence[History],
    *,
    log: Callable[[str], object],
    sleep: Callable[[float], None] = time.sleep,  # noqa: TID251 -- the default only
) -> list[str]:
    """Upgrade the database to the newest revision of each history; return the revisions applied.

    It is one transaction, in one process at a time; a second process waits and finds nothing to do.
    On PostgreSQL it tries again, for about ten minutes, while a long transaction holds a table.
    Safe to repeat. Raises SchemaError when a newer release migrated the database, when a SQLite
    file is another application's, or when the role may not create tables.
    """
    refuse_unknown_pooler(engine)
    for _ in range(_TRIES):
        try:
            return _migrate(engine, histories, log)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", "") != _LOCKED:
                raise
        log(f"a long transaction holds a table; trying again in {PAUSE_SECONDS:.0f} s")
        sleep(PAUSE_SECONDS)
    return _migrate(engine, histories, log)


def _migrate(
    engine: Engine, histories: Sequence[History], log: Callable[[str], object]
) -> list[str]:
    from luggage.database.schema import upgrade  # noqa: PLC0415  loads Alembic

    applied: list[str] = []
    with explained_refusals(), _migrating(engine) as connection:
        refuse_foreign(connection)
        for history in histories:
            applied += upgrade(connection, history, log)
    return applied


@contextmanager
def _migrating(engine: Engine) -> Iterator[Connection]:
    """Give a connection in the one transaction that may migrate."""
    with engine.connect() as plain:
        # On SQLite, BEGIN IMMEDIATE is the lock.
        connection = plain.execution_options(lock_timeout_seconds=MIGRATION_TIMEOUT_SECONDS)
        with connection.begin():
            if engine.dialect.name != "sqlite":
                _set_lock_timeout(connection, MIGRATION_TIMEOUT_SECONDS)
                lock = text("SELECT pg_advisory_xact_lock(:lock)")
                connection.execute(lock, {"lock": MIGRATION_LOCK})
                _set_lock_timeout(connection, TABLE_LOCK_SECONDS)
            yield connection


def _set_lock_timeout(connection: Connection, seconds: float) -> None:
    connection.execute(text(f"SET LOCAL lock_timeout = {int(seconds * 1000)}"))


def check(engine: Engine, histories: Sequence[History]) -> None:
    """Check that the database has exactly the tables that the code expects, and accepts writes.

    Raises SchemaError with the difference and the remedy when it is older, newer, changed by hand
    or read-only, or when the role may not write to a table. Changes nothing.
    """
    from luggage.database.schema import compare  # noqa: PLC0415  loads Alembic

    refuse_unknown_pooler(engine)
    with explained_refusals(), reading(engine) as connection:
        refuse_foreign(connection, may_be_empty=False)
        for history in histories:
            compare(connection, history)
        tables = [table for history in histories for table in history.metadata.sorted_tables]
        refuse_unwritable(connection, tables)
