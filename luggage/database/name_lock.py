"""Lock by name: one transaction at a time for each name, on all machines."""

from sqlalchemy import Connection, text

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


def lock_name(connection: Connection, name: str) -> None:
    """Wait until no other transaction holds `name`, and hold it until this one ends.

    On SQLite a writing transaction (`luggage.database.writing`) is alone anyway. PostgreSQL:
    "Advisory Locks". Two names may share a hash; then they wait for each other.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK, {"name": name})
