"""A row that is there at most once, whoever comes first."""

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_once(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Insert a row unless there is one of its key; return whether it was. Safe to repeat.

    Two transactions at the same moment: the second waits for the first, and then inserts nothing.
    """
    insert = inserting(connection, table).values(values).on_conflict_do_nothing()
    return connection.execute(insert.returning(*table.primary_key)).first() is not None


def inserting(connection: Connection, table: Table) -> Any:
    """An INSERT into `table` that knows ON CONFLICT, in the words of the connection's database."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table)
