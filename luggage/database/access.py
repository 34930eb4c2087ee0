"""Databases that the bot must not or cannot use, raised as SchemaError with the remedy."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, Table, inspect, text
from sqlalchemy.exc import DBAPIError

from luggage.database.file_errors import foreign
from luggage.database.history import SchemaError
from luggage.database.postgresql import POOL_MODE, is_pooled, shares_sessions

_MAKE_OWNER = "make the bot's role the owner of its database: ALTER DATABASE ... OWNER TO ..."
_ALLOW_WRITES = (
    "name the primary in DATABASE_URL, or set default_transaction_read_only = off for the bot"
)
# By PostgreSQL's code: https://www.postgresql.org/docs/current/errcodes-appendix.html
_REMEDIES = {
    "25006": _ALLOW_WRITES,
    "3F000": "search_path names no existing schema: create it, or change search_path for the role",
    "42501": _MAKE_OWNER,
    "42P07": "another application made it: give the bot its own database or schema",
}

_READ_ONLY = text(
    "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean"
)
_FORBIDDEN = text("""
SELECT name FROM unnest(CAST(:tables AS text[])) AS name
WHERE NOT (has_table_privilege(name, 'SELECT') AND has_table_privilege(name, 'INSERT')
           AND has_table_privilege(name, 'UPDATE') AND has_table_privilege(name, 'DELETE'))
UNION ALL
SELECT sequence
FROM unnest(CAST(:tables AS text[]), CAST(:columns AS text[])) AS numbered (name, number),
    pg_get_serial_sequence(name, number) AS sequence
WHERE number <> '' AND NOT has_sequence_privilege(sequence, 'USAGE')
""")


@contextmanager
def explained_refusals() -> Iterator[None]:
    """Turn errors of PostgreSQL that an operator can fix into SchemaError."""
    try:
        yield
    except DBAPIError as error:
        remedy = _REMEDIES.get(getattr(error.orig, "sqlstate", ""))
        if remedy is None:
            raise
        raise SchemaError(f"{str(error.orig).splitlines()[0]}; {remedy}") from None


def refuse_unknown_pooler(engine: Engine) -> None:
    """Raise SchemaError if a pooler in transaction mode is there, and the address does not say so.

    Through it, a statement may get the answer to another client's.
    """
    if engine.dialect.name != "postgresql" or is_pooled(engine):
        return
    try:
        is_shared = shares_sessions(engine)
    except engine.dialect.loaded_dbapi.Error as error:
        driver = engine.dialect.loaded_dbapi
        raise DBAPIError.instance(
            None, None, error, driver.Error, hide_parameters=True, dialect=engine.dialect
        ) from error
    if is_shared:
        raise SchemaError(
            "the database's address leads to a pooler in transaction mode; add"
            f" ?{POOL_MODE}=transaction to it, or name the server itself"
        )


def refuse_foreign(connection: Connection, *, may_be_empty: bool = True) -> None:
    """Raise SchemaError if a SQLite file has tables, and none of ours; or none, unless it may.

    In PostgreSQL, applications may share a database. Changes nothing.
    """
    if connection.dialect.name != "sqlite":
        return
    path, names = connection.engine.url.database, sorted(inspect(connection).get_table_names())
    if not names and not may_be_empty:
        raise SchemaError(
            f"the database {path} is empty (its tables are at revision none): run `migrate`, or "
            "`restore` a backup"
        )
    if problem := foreign(Path(str(path)), names):
        raise SchemaError(problem)


def refuse_unwritable(connection: Connection, tables: Iterable[Table]) -> None:
    """Raise SchemaError unless the session may write to these tables. Changes nothing."""
    if connection.dialect.name != "postgresql":
        return
    if connection.execute(_READ_ONLY).scalar():
        raise SchemaError(f"the database is read-only; {_ALLOW_WRITES}")
    columns = {table.name: _autoincrement_column(table) for table in tables}
    parameters = {"tables": list(columns), "columns": list(columns.values())}
    forbidden = connection.execute(_FORBIDDEN, parameters).scalars().all()
    if forbidden:
        raise SchemaError(f"the role may not write to {', '.join(forbidden)}; {_MAKE_OWNER}")


def _autoincrement_column(table: Table) -> str:
    column = table.autoincrement_column
    return "" if column is None else column.name
