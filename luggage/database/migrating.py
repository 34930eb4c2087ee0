"""Migrations, and the check that database and code fit.

Chosen: Alembic driven by calls. Against: `alembic.ini` with an `env.py`, a file that has to be
found beside the code; inside a wheel or a pex there is only the package.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text

from luggage.database.access import explained_refusals, refuse_unwritable
from luggage.database.engines import reading
from luggage.database.history import History

# A migration may rightly take longer than any other transaction; who waits for it waits this long.
MIGRATION_SECONDS = 600.0
# Any number, the same in all releases: PostgreSQL's advisory locks are named by integers.
MIGRATION_LOCK = 0x706F72746D616E


def migrate(
    engine: Engine, histories: Sequence[History], *, log: Callable[[str], object]
) -> list[str]:
    """Bring the database to the newest revision of each history; return those applied, in order.

    All in one transaction, one process at a time: who comes second waits, and finds nothing to do.
    Safe to repeat. Raises SchemaError when the database was migrated by a newer release, or does
    not let the role make tables.
    """
    from luggage.database.schema import upgrade  # noqa: PLC0415  Alembic, for those who migrate

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
        connection = plain.execution_options(patience_seconds=MIGRATION_SECONDS)
        with connection.begin():
            if engine.dialect.name != "sqlite":
                patience = int(MIGRATION_SECONDS * 1000)
                connection.execute(text(f"SET LOCAL lock_timeout = {patience}"))
                lock = text("SELECT pg_advisory_xact_lock(:lock)")
                connection.execute(lock, {"lock": MIGRATION_LOCK})
            yield connection


def check(engine: Engine, histories: Sequence[History]) -> None:
    """Return when the database has exactly the tables that the code expects, and takes writes.

    Raises SchemaError, which names what differs and the remedy, when it is older, newer, was
    changed by hand, is read-only or keeps a table from the role. Changes nothing.
    """
    from luggage.database.schema import compare  # noqa: PLC0415  Alembic, for those who check

    with explained_refusals(), reading(engine) as connection:
        for history in histories:
            compare(connection, history)
        tables = [table for history in histories for table in history.metadata.sorted_tables]
        refuse_unwritable(connection, tables)
