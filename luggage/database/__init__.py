"""SQLite and PostgreSQL: engines, transactions and migrations."""

from luggage.database.engines import (
    DatabaseUrlError,
    asking,
    open_engine,
    reading,
    unavailable,
    writing,
)
from luggage.database.history import History, SchemaError
from luggage.database.migrating import check, migrate
from luggage.database.postgresql import is_pooled
from luggage.database.sqlite import SQLITE_SUFFIXES, tidy

__all__ = [
    "SQLITE_SUFFIXES",
    "DatabaseUrlError",
    "History",
    "SchemaError",
    "asking",
    "check",
    "is_pooled",
    "migrate",
    "open_engine",
    "reading",
    "tidy",
    "unavailable",
    "writing",
]
