"""How new jobs come into the tables: many with two statements, each with its own answer.

Chosen: one INSERT for all rows, which skips the keys that are known and returns the others.
Against: a statement for each job, which costs the processor several times what the rows do.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import lru_cache
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from luggage.jobs import dependents
from luggage.jobs.model import NewJob, Put, State
from luggage.jobs.payloads import pack
from luggage.jobs.schema import job as table

_COLUMNS = tuple(column.name for column in table.c if column.name not in ("id", "lease_until"))
# Of parameters SQLite takes 32,766, as long as nobody allowed it fewer, and PostgreSQL 65,535.
# https://www.sqlite.org/limits.html#max_variable_number
_MOST_ROWS = 500
_PLACEHOLDERS = {"sqlite": "?", "postgresql": "%s"}
_BODY_COLUMNS = ("job_id", "codec", "body")
_LAST_ID = "SELECT coalesce(max(id), 0) FROM job"
_NEWER = "SELECT json_group_array(json_array(id, queue, key)) FROM job WHERE id > ?"

Packed = tuple[NewJob, tuple[str, bytes]]


def packed(jobs: Sequence[NewJob]) -> list[Packed]:
    """Return jobs with their bodies as they will lie in the database.

    To be called before the transaction, which others wait for.
    """
    return [(job, pack(job.body)) for job in jobs]


def put_on(connection: Connection, jobs: Sequence[Packed], now: float) -> list[Put]:
    """Store jobs in the caller's transaction, in their order; return an answer for each.

    Of two with one queue and key the first is stored. Raises UnknownJob when `after` names no job.
    """
    return [put for part in _parts(jobs) for put in _put(connection, part, now)]


def _parts(jobs: Sequence[Packed]) -> Iterator[Sequence[Packed]]:
    """Give what can be put at once: a job that waits for another has to find it in the table."""
    for waits, run in groupby(jobs, lambda each: each[0].after is not None):
        together = list(run)
        size = 1 if waits else _MOST_ROWS
        yield from (together[at : at + size] for at in range(0, len(together), size))


def _put(connection: Connection, jobs: Sequence[Packed], now: float) -> Iterator[Put]:
    dialect = connection.dialect.name
    rows = [_first_state(connection, job, now) for job, _ in jobs]
    values = [row[name] for row in rows for name in _COLUMNS]
    with _cursor(connection) as cursor:
        new = {(queue, key): job_id for job_id, queue, key in _inserted(dialect, cursor, values)}
    bodies = []
    for job, (codec, body) in jobs:
        new_id = new.pop((job.queue, job.key), None)
        if new_id is None:
            yield Put(_known(connection, job), created=False)
        else:
            bodies += [new_id, codec, body]
            yield Put(new_id, created=True)
    if bodies:
        with _cursor(connection) as cursor:
            cursor.execute(_insert("job_body", _BODY_COLUMNS, dialect, bodies), bodies)


def _inserted(dialect: str, cursor: Any, values: Sequence[Any]) -> Iterator[tuple[int, str, str]]:
    """Insert jobs; return the id, queue and key of those that were not known."""
    insert = _insert("job", _COLUMNS, dialect, values) + " ON CONFLICT (queue, key) DO NOTHING"
    if dialect == "sqlite":
        # A statement that returns rows lets go of the interpreter for each of them, and the event
        # loop takes it, while others wait for the database: one row for all.
        [[before]] = cursor.execute(_LAST_ID)
        cursor.execute(insert, values)
        [[inserted]] = cursor.execute(_NEWER, [before])
        yield from json.loads(inserted)
    else:
        cursor.execute(f"{insert} RETURNING id, queue, key", values)
        yield from cursor


@contextmanager
def _cursor(connection: Connection) -> Iterator[Any]:
    """Give the driver's own cursor, which saves a seventh of a group; its errors are SQLAlchemy's.

    They have not passed the engine's own listeners, so the connection is given up, whatever it was:
    it may be one that can never write. And a session that PostgreSQL ended for a pause in just this
    place counts as a failed attempt, not as a database that is away. It is tried again.
    """
    driver = connection.dialect.loaded_dbapi
    try:
        with closing(connection.connection.cursor()) as cursor:
            yield cursor
    except driver.Error as error:
        connection.invalidate(error)
        raise DBAPIError.instance(
            "INSERT", None, error, driver.Error, hide_parameters=True, dialect=connection.dialect
        ) from error


def _insert(table: str, columns: Sequence[str], dialect: str, values: Sequence[Any]) -> str:
    return _insert_rows(table, columns, dialect, len(values) // len(columns))


@lru_cache(256)
def _insert_rows(table: str, columns: Sequence[str], dialect: str, number: int) -> str:
    """Return the statement for so many rows: built by SQLAlchemy, it costs more than the rows."""
    row = f"({', '.join([_PLACEHOLDERS[dialect]] * len(columns))})"
    names = ", ".join(f'"{name}"' for name in columns)
    return f"INSERT INTO {table} ({names}) VALUES {', '.join([row] * number)}"  # noqa: S608  no value in it


def _known(connection: Connection, job: NewJob) -> int:
    known = select(table.c.id).where(table.c.queue == job.queue, table.c.key == job.key)
    return int(connection.execute(known).scalar_one())


def _first_state(connection: Connection, job: NewJob, now: float) -> dict[str, Any]:
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
    }
    return values if job.after is None else values | dependents.first_state(connection, job)
