"""Inserts that skip or update an existing row."""

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_once(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Insert a row unless its key exists; return whether it was inserted. Safe to repeat."""
    insert = inserting(connection, table).values(values).on_conflict_do_nothing()
    return connection.execute(insert.returning(*table.primary_key)).first() is not None


def inserting(connection: Connection, table: Table) -> Any:
    """Return an INSERT into `table` that has ON CONFLICT, for the connection's database."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table)
