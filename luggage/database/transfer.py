"""A database's rows, moved to another database; knows no table of anyone.

Chosen: one transaction at the target, so that an abort leaves nothing there and the move is simply
repeated, and triggers that close the source before the target is committed, so that a process which
was forgotten cannot write where nobody looks any more. Against: a dump in the words of one database
that the other has to understand, and moving while the source is written to.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, MetaData, Table, func, select, text

# Few enough that the bodies of so many jobs fit into memory.
_BATCH = 100
_SAY_EVERY = 20_000
_CLOSED = "this database was moved to another one; DATABASE_URL should lead there"
_MODULUS = 1 << 128


class TransferError(Exception):
    """The rows were not moved; nothing was changed. The message says why."""


def transfer(
    source: Engine, target: Engine, metadata: Sequence[MetaData], *, say: Callable[[str], object]
) -> int:
    """Move all rows of the tables of `metadata` from a SQLite database; return how many.

    Both have these tables, in the same version. Nobody writes to the source meanwhile, and from
    then on it refuses every write. Raises TransferError when the target is not empty, or has not
    what it was given; then, and when this process is killed, the target is empty as before, and the
    move can be repeated.
    """
    tables = [table for each in metadata for table in each.sorted_tables]
    with source.connect() as old, target.connect() as new:
        with old.begin():  # SQLite: BEGIN IMMEDIATE
            moving = new.begin()
            try:
                moved = _copy(old, new, tables, say)
                _close(old, tables)
            except BaseException:
                moving.rollback()
                raise
        with _reopened_after_failure(old, tables):
            moving.commit()
    return moved


def _copy(
    old: Connection, new: Connection, tables: Sequence[Table], say: Callable[[str], object]
) -> int:
    _take(new, tables)
    moved = 0
    for table in tables:
        count = _copy_table(old, new, table, say)
        if _digest(old, table) != _digest(new, table):
            raise TransferError(f"{table.name}: what arrived is not what was sent")
        say(f"{table.name}: {count} rows moved, and compared")
        moved += count
    return moved


def _take(new: Connection, tables: Sequence[Table]) -> None:
    """Keep everybody else out of the target, which has to be empty."""
    for table in tables:
        if new.dialect.name == "postgresql":
            new.execute(text(f'LOCK TABLE "{table.name}" IN ACCESS EXCLUSIVE MODE'))
        if new.execute(select(func.count()).select_from(table)).scalar_one():
            raise TransferError(
                f"the target is not empty: {table.name} has rows; nothing was moved. Was it moved "
                "already? Otherwise name an empty database"
            )


def _copy_table(
    old: Connection, new: Connection, table: Table, say: Callable[[str], object]
) -> int:
    count = 0
    # In the order of the keys: a row that leads to another of its table comes after that one.
    for batch in _batches(old, table):
        new.execute(table.insert(), batch)
        count += len(batch)
        if count % _SAY_EVERY == 0:
            say(f"{table.name}: {count} rows so far")
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
    """Return the number of rows, and a sum of their hashes: in whatever order they come."""
    count, total = 0, 0
    for batch in _batches(connection, table):
        for row in batch:
            told = repr(sorted(row.items())).encode()
            digest = hashlib.blake2b(told, digest_size=16).digest()
            total = (total + int.from_bytes(digest, "big")) % _MODULUS
            count += 1
    return count, total


def _close(old: Connection, tables: Sequence[Table]) -> None:
    for name, table, verb in _locks(tables):
        old.execute(
            text(
                f'CREATE TRIGGER IF NOT EXISTS "{name}" BEFORE {verb} ON "{table}" '
                f"BEGIN SELECT RAISE(ABORT, '{_CLOSED}'); END"
            )
        )


def _locks(tables: Sequence[Table]) -> Iterator[tuple[str, str, str]]:
    for table in tables:
        for verb in ("INSERT", "UPDATE", "DELETE"):
            yield f"moved_{table.name}_{verb.lower()}", table.name, verb


@contextmanager
def _reopened_after_failure(old: Connection, tables: Sequence[Table]) -> Iterator[None]:
    try:
        yield
    except Exception:
        with old.begin():
            for name, _, _ in _locks(tables):
                old.execute(text(f'DROP TRIGGER "{name}"'))
        raise
