"""Migrations by Alembic, and the check that the database matches the code."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text

from luggage.database.access import explained_refusals, refuse_unwritable
from luggage.database.engines import reading
from luggage.database.history import History

# How long to wait for another process's migration.
MIGRATION_TIMEOUT_SECONDS = 600.0
# The name of PostgreSQL's advisory lock: any number, the same in all releases.
MIGRATION_LOCK = 0x706F72746D616E


def migrate(
    engine: Engine, histories: Sequence[History], *, log: Callable[[str], object]
) -> list[str]:
    """Upgrade the database to the newest revision of each history; return the revisions applied.

    It is one transaction, in one process at a time; a second process waits and finds nothing to do.
    Safe to repeat. Raises SchemaError when a newer release migrated the database, or when the role
    may not create tables.
    """
    from luggage.database.schema import upgrade  # noqa: PLC0415  loads Alembic

    applied: list[str] = []
    with explained_refusals(), _migrating(engine) as connection:
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
                timeout_ms = int(MIGRATION_TIMEOUT_SECONDS * 1000)
                connection.execute(text(f"SET LOCAL lock_timeout = {timeout_ms}"))
                lock = text("SELECT pg_advisory_xact_lock(:lock)")
                connection.execute(lock, {"lock": MIGRATION_LOCK})
            yield connection


def check(engine: Engine, histories: Sequence[History]) -> None:
    """Check that the database has exactly the tables that the code expects, and accepts writes.

    Raises SchemaError with the difference and the remedy when it is older, newer, changed by hand
    or read-only, or when the role may not write to a table. Changes nothing.
    """
    from luggage.database.schema import compare  # noqa: PLC0415  loads Alembic

    with explained_refusals(), reading(engine) as connection:
        for history in histories:
            compare(connection, history)
        tables = [table for history in histories for table in history.metadata.sorted_tables]
        refuse_unwritable(connection, tables)
