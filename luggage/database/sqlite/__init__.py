"""SQLite: one file, one writer at a time, and commits that survive a power failure."""

from luggage.database.sqlite.engine import open_sqlite
from luggage.database.sqlite.upkeep import tidy

__all__ = ["open_sqlite", "tidy"]
