"""Transfer of all rows from a SQLite database to another database.

The target gets them in one transaction, so that an aborted transfer leaves nothing there and can be
repeated. Triggers make the source read-only before the target is committed, so that a forgotten
process cannot write to the old database.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, MetaData, Table, func, select, text

# The bodies of this many jobs fit into memory.
_BATCH = 100
_REPORT_EVERY = 20_000
_CLOSED = "this database was moved to another one; set DATABASE_URL to the new one"
_MODULUS = 1 << 128


class TransferError(Exception):
    """The rows were not moved, and nothing was changed. The message says why."""


def transfer(
    source: Engine, target: Engine, metadata: Sequence[MetaData], *, report: Callable[[str], object]
) -> int:
    """Move all rows of the tables of `metadata` from a SQLite database; return how many.

    Both databases have these tables, in the same version. The source refuses writes during the
    transfer and after it. Raises TransferError when the target is not empty, or its rows differ
    from the source's. After an error or a kill the target is empty again, and the transfer can be
    repeated.
    """
    tables = [table for each in metadata for table in each.sorted_tables]
    with source.connect() as old, target.connect() as new:
        with old.begin():  # SQLite: BEGIN IMMEDIATE
            moving = new.begin()
            try:
                moved = copy_rows(old, new, tables, report)
                _close(old, tables)
            except BaseException:
                moving.rollback()
                raise
        with _reopened_after_failure(old, tables):
            moving.commit()
    return moved


def copy_rows(
    old: Connection, new: Connection, tables: Sequence[Table], report: Callable[[str], object]
) -> int:
    """Copy the rows of tables into the same tables, which are empty; return how many.

    Each database is in a transaction of the caller's. Raises TransferError when a table is not
    empty, or its copied rows differ.
    """
    _lock(new, tables)
    moved = 0
    for table in tables:
        count = _copy_table(old, new, table, report)
        if _digest(old, table) != _digest(new, table):
            raise TransferError(f"{table.name}: the copied rows differ from the original ones")
        report(f"{table.name}: rows moved and compared: {count}")
        moved += count
    return moved


def delete_rows(connection: Connection, tables: Sequence[Table]) -> None:
    """Delete all rows of tables, in the caller's transaction."""
    for table in reversed(tables):
        connection.execute(table.delete())


def _lock(new: Connection, tables: Sequence[Table]) -> None:
    """Lock the target's tables, which must be empty."""
    for table in tables:
        if new.dialect.name == "postgresql":
            new.execute(text(f'LOCK TABLE "{table.name}" IN ACCESS EXCLUSIVE MODE'))
        if new.execute(select(func.count()).select_from(table)).scalar_one():
            raise TransferError(
                f"the target is not empty: {table.name} has rows; nothing was moved. Check whether "
                "the move was already done, or name an empty database"
            )


def _copy_table(
    old: Connection, new: Connection, table: Table, report: Callable[[str], object]
) -> int:
    count = 0
    # In key order, so that a row follows the row of its table that it refers to.
    for batch in _batches(old, table):
        new.execute(table.insert(), batch)
        count += len(batch)
        if count % _REPORT_EVERY == 0:
            report(f"{table.name}: rows so far: {count}")
    column = table.autoincrement_column
    if new.dialect.name == "postgresql" and column is not None and count:
        sequence = func.pg_get_serial_sequence(table.name, column.name)
        new.execute(select(func.setval(sequence, select(func.max(column)).scalar_subquery())))
    return count


def _batches(connection: Connection, table: Table) -> Iterator[list[dict[str, object]]]:
    query = select(table).order_by(*table.primary_key).execution_options(yield_per=_BATCH)
    rows = connection.execute(query)
    for batch in rows.mappings().partitions():
        yield [dict(row) for row in batch]


def _digest(connection: Connection, table: Table) -> tuple[int, int]:
    """Return the number of rows and the sum of their hashes, which does not depend on order."""
    count, total = 0, 0
    for batch in _batches(connection, table):
        for row in batch:
            text_of_row = repr(sorted(row.items())).encode()
            digest = hashlib.blake2b(text_of_row, digest_size=16).digest()
            total = (total + int.from_bytes(digest, "big")) % _MODULUS
            count += 1
    return count, total


def _close(old: Connection, tables: Sequence[Table]) -> None:
    for name, table, verb in _triggers(tables):
        old.execute(
            text(
                f'CREATE TRIGGER IF NOT EXISTS "{name}" BEFORE {verb} ON "{table}" '
                f"BEGIN SELECT RAISE(ABORT, '{_CLOSED}'); END"
            )
        )


def _triggers(tables: Sequence[Table]) -> Iterator[tuple[str, str, str]]:
    for table in tables:
        for verb in ("INSERT", "UPDATE", "DELETE"):
            yield f"moved_{table.name}_{verb.lower()}", table.name, verb


@contextmanager
def _reopened_after_failure(old: Connection, tables: Sequence[Table]) -> Iterator[None]:
    try:
        yield
    except Exception:
        with old.begin():
            for name, _, _ in _triggers(tables):
                old.execute(text(f'DROP TRIGGER "{name}"'))
        raise
