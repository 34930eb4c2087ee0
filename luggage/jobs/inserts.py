"""Bulk inserts of new jobs: two statements for many jobs, and a `Put` for each.

Bodies are stored compressed (docs/decisions/0012), texts without NUL.
"""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import lru_cache
from itertools import groupby
from typing import Any

import zstandard
from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from luggage.jobs import outcomes
from luggage.jobs.fairness import lane_of, rank_of
from luggage.jobs.model import NewJob, Put, State
from luggage.jobs.schema import job as table

PLAIN = "plain"
ZSTD = "zstd"

# Longer texts would widen the job's row; a page shows them on one line.
_MAX_TEXT = 2000

_local = threading.local()


class UnknownCodec(ValueError):  # noqa: N818
    """Another release stored the body with a codec that this one does not know."""


def pack(body: bytes) -> tuple[str, bytes]:
    """Return the codec's name and the packed body; a body that would not shrink stays as it is."""
    packed = _compressor().compress(body)
    return (ZSTD, packed) if len(packed) < len(body) else (PLAIN, body)


def _compressor() -> zstandard.ZstdCompressor:
    """Return this thread's compressor: it is not thread-safe, and expensive to create."""
    if not hasattr(_local, "compressor"):
        _local.compressor = zstandard.ZstdCompressor(level=1)
    compressor: zstandard.ZstdCompressor = _local.compressor
    return compressor


def unpack(codec: str, packed: bytes) -> bytes:
    """Return the body that was packed. Raises UnknownCodec for a codec of another release."""
    if codec == ZSTD:
        return zstandard.decompress(packed)
    if codec == PLAIN:
        return packed
    raise UnknownCodec(
        f"a job's body is stored as {codec!r}, which this release cannot read: run the release "
        "that stored it, or a newer one"
    )


def storable(text: str) -> str:
    """Return `text` as both databases take it: no NUL, no lone surrogates, 2,000 characters."""
    return (
        text[:_MAX_TEXT]
        .encode(errors="replace")
        .decode()
        .replace("\0", "\N{REPLACEMENT CHARACTER}")
    )


_COLUMNS = tuple(column.name for column in table.c if column.name not in ("id", "lease_until"))
# SQLite takes 32,766 parameters by default, PostgreSQL 65,535.
# https://www.sqlite.org/limits.html#max_variable_number
_MAX_ROWS = 500
_PLACEHOLDERS = {"sqlite": "?", "postgresql": "%s"}
_BODY_COLUMNS = ("job_id", "codec", "body")
_LAST_ID = "SELECT coalesce(max(id), 0) FROM job"
_NEWER = "SELECT json_group_array(json_array(id, queue, key)) FROM job WHERE id > ?"

Packed = tuple[NewJob, tuple[str, bytes]]


def packed(jobs: Sequence[NewJob]) -> list[Packed]:
    """Return jobs with their packed bodies. Call it before the transaction, to keep that short."""
    return [(job, pack(job.body)) for job in jobs]


def insert(connection: Connection, jobs: Sequence[Packed], now: float) -> list[Put]:
    """Insert jobs in the caller's transaction, in order; return a `Put` for each.

    Of two jobs with the same queue and key the first is stored. Raises UnknownJob when `after`
    names no job.
    """
    return [put for batch in _batches(jobs) for put in _insert_batch(connection, batch, now)]


def _batches(jobs: Sequence[Packed]) -> Iterator[Sequence[Packed]]:
    """Yield the jobs that go into one INSERT: a dependent must find its job in the table."""
    for is_dependent, run in groupby(jobs, lambda each: each[0].after is not None):
        alike = list(run)
        size = 1 if is_dependent else _MAX_ROWS
        yield from (alike[at : at + size] for at in range(0, len(alike), size))


def _insert_batch(connection: Connection, jobs: Sequence[Packed], now: float) -> Iterator[Put]:
    dialect = connection.dialect.name
    rows = [_row(connection, job, now) for job, _ in jobs]
    values = [row[name] for row in rows for name in _COLUMNS]
    with _cursor(connection) as cursor:
        new = {(queue, key): job_id for job_id, queue, key in _insert_jobs(dialect, cursor, values)}
    bodies = []
    for job, (codec, body) in jobs:
        new_id = new.pop((job.queue, job.key), None)
        if new_id is None:
            yield Put(_known_id(connection, job), created=False)
        else:
            bodies += [new_id, codec, body]
            yield Put(new_id, created=True)
    if bodies:
        with _cursor(connection) as cursor:
            cursor.execute(_statement("job_body", _BODY_COLUMNS, dialect, bodies), bodies)


def _insert_jobs(
    dialect: str, cursor: Any, values: Sequence[Any]
) -> Iterator[tuple[int, str, str]]:
    """Insert jobs; yield the id, queue and key of each new one."""
    statement = (
        _statement("job", _COLUMNS, dialect, values) + " ON CONFLICT (queue, key) DO NOTHING"
    )
    if dialect == "sqlite":
        # RETURNING would release the interpreter after each row, with the database locked, and the
        # event loop would run. A second statement returns all rows as one.
        [[before]] = cursor.execute(_LAST_ID)
        cursor.execute(statement, values)
        [[inserted]] = cursor.execute(_NEWER, [before])
        yield from json.loads(inserted)
    else:
        cursor.execute(f"{statement} RETURNING id, queue, key", values)
        yield from cursor


@contextmanager
def _cursor(connection: Connection) -> Iterator[Any]:
    """Give the driver's cursor, which saves a seventh of a group's time; raise SQLAlchemy's errors.

    These errors bypass the engine's listeners, so any of them invalidates the connection: it may be
    one that can never write. A session that PostgreSQL ended for idling just here counts as a
    failed attempt, not as a database that is away; the job is retried.
    """
    driver = connection.dialect.loaded_dbapi
    try:
        with closing(connection.connection.cursor()) as cursor:
            yield cursor
    except driver.Error as error:
        raw = connection.connection.dbapi_connection
        is_lost = connection.dialect.is_disconnect(error, raw, None)
        connection.invalidate(error)
        raise DBAPIError.instance(
            "INSERT",
            None,
            error,
            driver.Error,
            hide_parameters=True,
            connection_invalidated=is_lost,
            dialect=connection.dialect,
        ) from error


def _statement(table: str, columns: Sequence[str], dialect: str, values: Sequence[Any]) -> str:
    return _statement_for(table, columns, dialect, len(values) // len(columns))


@lru_cache(256)
def _statement_for(table: str, columns: Sequence[str], dialect: str, rows: int) -> str:
    """Return an INSERT of so many rows: building it with SQLAlchemy costs more than the rows."""
    row = f"({', '.join([_PLACEHOLDERS[dialect]] * len(columns))})"
    names = ", ".join(f'"{name}"' for name in columns)
    return f"INSERT INTO {table} ({names}) VALUES {', '.join([row] * rows)}"  # noqa: S608  no value in it


def _known_id(connection: Connection, job: NewJob) -> int:
    known = select(table.c.id).where(table.c.queue == job.queue, table.c.key == job.key)
    return int(connection.execute(known).scalar_one())


def _row(connection: Connection, job: NewJob, now: float) -> dict[str, Any]:
    values = {
        "queue": job.queue,
        "key": job.key,
        "subject": job.subject,
        "kind": job.kind,
        "state": State.READY.value,
        "attempt": 0,
        "max_attempts": job.max_attempts,
        "fence": 0,
        "run_at": job.run_at,
        "worker": "",
        "created_at": now,
        "changed_at": now,
        "note": job.note,
        "result": "",
        "reason": "",
        "after": None,
        "parent": job.parent,
        "tenant": job.tenant,
        "person": job.person,
        "rank": rank_of(urgent=job.urgent),
        "lane": lane_of(job.tenant, job.person, urgent=job.urgent),
    }
    return values if job.after is None else values | outcomes.initial_state(connection, job)
