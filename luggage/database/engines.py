"""Engines and transactions for SQLite and PostgreSQL.

Every transaction of a SQLite engine begins with BEGIN IMMEDIATE, unless the connection has the
execution option ``read_only=True``, as those of `reading` do. With a plain BEGIN, SQLite would take
the write lock at the first write, and could then fail with "database is locked" without waiting.
"""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from luggage.database.file_errors import DamagedFileError, FileAccessError
from luggage.database.postgresql import POOL_MODE, POOL_MODES, open_postgresql
from luggage.database.sqlite import open_sqlite


class DatabaseUrlError(ValueError):
    """The database's address is unusable; the message says why, and shows no password."""


def unavailable(error: SQLAlchemyError) -> str:
    """Return a log line for a database error, without a text that quotes the statement."""
    explained = isinstance(error, DamagedFileError | FileAccessError)
    return f"the database did not answer: {error if explained else type(error).__name__}"


def open_engine(url: str, *, pool_size: int = 5) -> Engine:
    """Return an engine for ``sqlite:///PATH`` or for PostgreSQL, without connecting yet.

    ``postgres://`` and ``postgresql://`` mean psycopg 3. Raises DatabaseUrlError for any other
    address. With ``?pool_mode=transaction`` it works through a pooler of that mode. The pool keeps
    `pool_size` connections, one for each thread that uses the engine at the same time, and may open
    as many more for a while. Neither the engine's repr nor an error shows a password or a
    statement's parameters. Each call makes a new pool.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return open_sqlite(parsed, pool_size)
    return open_postgresql(parsed, pool_size)


# libpq takes several servers, HOST:PORT,HOST:PORT, and SQLAlchemy takes them as parameters.
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS
_HOST = r"[A-Za-z0-9._-]+(?::[0-9]+)?"
_HOSTS = re.compile(rf"(postgres[a-z+]*://(?:[^@/?#]*@)?)({_HOST}(?:,{_HOST})+)((?:[/?][^@]*)?)")


def require_address(url: str) -> None:
    """Return if `open_engine` takes an address; raises DatabaseUrlError. Connects to nothing."""
    _parse(url)


def _parse(url: str) -> URL:
    remedy = "use sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE"
    hosts: list[str] = []
    found = _HOSTS.fullmatch(url)
    if found:
        hosts = found[2].split(",")
    try:
        parsed = make_url(found[1] + found[3] if found else url)
    except (ArgumentError, ValueError):
        # Without the cause, which may quote the address and its password.
        raise DatabaseUrlError(f"the database's address cannot be parsed; {remedy}") from None
    if hosts:
        parsed = parsed.update_query_dict({"host": hosts})
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "postgresql+psycopg"):
        raise DatabaseUrlError(f"databases of type {parsed.drivername!r} do not work; {remedy}")
    if parsed.drivername == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise DatabaseUrlError(f"processes cannot share a SQLite database in memory; {remedy}")
    if parsed.drivername != "sqlite":
        _refuse_ambiguous(url, parsed)
        _refuse_other_pool_modes(parsed)
    return _hide_password(parsed)


def _refuse_ambiguous(url: str, parsed: URL) -> None:
    """Raise DatabaseUrlError where part of the user or the password may be read as the host.

    The driver would look that part up, and quote it in its error.
    """
    in_query = any("@" in str(value) for value in parsed.query.values())
    no_user = parsed.username is None and not in_query
    if url.count("@") > (0 if no_user else 1):
        raise DatabaseUrlError(
            "the database's address is ambiguous: percent-encode the user and the password in"
            " DATABASE_URL (@ as %40, / as %2F, ? as %3F, # as %23, % as %25)"
        )


def _refuse_other_pool_modes(url: URL) -> None:
    if url.query.get(POOL_MODE, "session") not in POOL_MODES:
        raise DatabaseUrlError(
            f"{POOL_MODE} in the database's address is {' or '.join(POOL_MODES)}: statement mode"
            " has no transactions"
        )


def _hide_password(url: URL) -> URL:
    """Move ``?password=`` to where SQLAlchemy masks it."""
    password = url.query.get("password")
    if not isinstance(password, str):
        return url
    return url.difference_update_query(["password"]).set(password=password)


def writing(engine: Engine) -> AbstractContextManager[Connection]:
    """Return a context: a connection in one transaction, which an exception rolls back.

    On SQLite the transaction takes the write lock at its beginning. Raises
    sqlalchemy.exc.OperationalError when the database is away, or locked for longer than
    LOCK_TIMEOUT_SECONDS.
    """
    return engine.begin()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection in one read-only transaction, which blocks no writer.

    A write raises sqlalchemy.exc.OperationalError (SQLite) or InternalError (PostgreSQL).
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
    """Give a connection for a single SELECT, without a transaction.

    It takes half the round trips of `reading`, which several SELECTs need to be consistent.
    PostgreSQL does not refuse writes here. Raises sqlalchemy.exc.OperationalError when the database
    is away, and on SQLite for a write.
    """
    options: dict[str, Any] = {"read_only": True, "single_select": True}
    if engine.dialect.name == "postgresql":
        options["isolation_level"] = "AUTOCOMMIT"
    with engine.connect() as plain:
        yield plain.execution_options(**options)
