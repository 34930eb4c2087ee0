"""SQLite and PostgreSQL: engines, transactions and migrations."""

from luggage.database.damage import DamageWatch, quick_check
from luggage.database.engines import (
    DatabaseUrlError,
    asking,
    open_engine,
    reading,
    require_address,
    unavailable,
    writing,
)
from luggage.database.file_errors import DamagedFileError, FileAccessError, may_write, require_place
from luggage.database.history import History, SchemaError
from luggage.database.migrating import check, migrate
from luggage.database.postgresql import is_pooled
from luggage.database.sqlite import SQLITE_SUFFIXES, tidy

__all__ = [
    "SQLITE_SUFFIXES",
    "DamageWatch",
    "DamagedFileError",
    "DatabaseUrlError",
    "FileAccessError",
    "History",
    "SchemaError",
    "asking",
    "check",
    "is_pooled",
    "may_write",
    "migrate",
    "open_engine",
    "quick_check",
    "reading",
    "require_address",
    "require_place",
    "tidy",
    "unavailable",
    "writing",
]
