"""Engines and transactions for SQLite and PostgreSQL; knows no table of anyone.

Chosen: SQLAlchemy Core with explicit transactions. Against: an ORM (the states of a job are moved
by single statements, which should be seen), and SQLite's own idea of when a transaction begins (it
takes the write lock at the first write, and then answers "database is locked" at once, whatever the
busy timeout says).

Every transaction of a SQLite engine therefore begins with BEGIN IMMEDIATE, unless the connection
carries the execution option ``read_only=True``, as those of `reading` do.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from luggage.database.postgresql import open_postgresql
from luggage.database.sqlite import open_sqlite


class DatabaseUrlError(ValueError):
    """The address of the database cannot be used; the message says why, and shows no password."""


def unavailable(error: SQLAlchemyError) -> str:
    """One line for the log about a database error, without its text.

    The text would quote the statement with its values.
    """
    return f"the database did not answer: {type(error).__name__}"


def open_engine(url: str, *, pool_size: int = 5) -> Engine:
    """Return an engine for ``sqlite:///PATH`` or for PostgreSQL; nothing is connected yet.

    ``postgres://`` and ``postgresql://`` mean psycopg 3. Each thread that uses the engine at the
    same moment needs one of `pool_size` connections; as many again are opened for a while when
    those are out. Raises DatabaseUrlError for anything else. Neither the engine's repr nor an error
    shows a password or a statement's parameters. May be called again; each call makes a pool of its
    own.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return open_sqlite(parsed, pool_size)
    return open_postgresql(parsed, pool_size)


def _parse(url: str) -> URL:
    remedy = "use sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The cause is left out: it may quote the address, and with it the password.
        raise DatabaseUrlError(f"the database's address cannot be read; {remedy}") from None
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "postgresql+psycopg"):
        raise DatabaseUrlError(f"no database of the kind {parsed.drivername!r}; {remedy}")
    if parsed.drivername == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise DatabaseUrlError(
            f"a SQLite database in memory cannot be shared by processes; {remedy}"
        )
    return _hide_password(parsed)


def _hide_password(url: URL) -> URL:
    """Move ``?password=`` to where SQLAlchemy masks it."""
    password = url.query.get("password")
    if not isinstance(password, str):
        return url
    return url.difference_update_query(["password"]).set(password=password)


def writing(engine: Engine) -> AbstractContextManager[Connection]:
    """Return a context: a connection in one transaction, which an exception rolls back.

    On SQLite the write lock is taken at the beginning, so that what was read is still true when it
    writes. Raises sqlalchemy.exc.OperationalError when the database is away, or locked for longer
    than BUSY_SECONDS.
    """
    return engine.begin()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection in one transaction that cannot write, and keeps no writer waiting.

    Raises sqlalchemy.exc.OperationalError (SQLite) or InternalError (PostgreSQL) at an attempt to
    write.
    """
    options = {"read_only": True}
    if engine.dialect.name == "postgresql":
        options["postgresql_readonly"] = True
    with engine.connect() as plain:
        connection = plain.execution_options(**options)
        with connection.begin():
            yield connection


@contextmanager
def asking(engine: Engine) -> Iterator[Connection]:
    """Give a connection for a single SELECT, which needs no transaction around it.

    What `reading` is for several that must agree; this is half the round trips, and for those who
    ask often. Nothing keeps it from writing on PostgreSQL. Raises sqlalchemy.exc.OperationalError
    when the database is away, and on SQLite at an attempt to write.
    """
    options: dict[str, Any] = {"read_only": True, "one_question": True}
    if engine.dialect.name == "postgresql":
        options["isolation_level"] = "AUTOCOMMIT"
    with engine.connect() as plain:
        yield plain.execution_options(**options)
