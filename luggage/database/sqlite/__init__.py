"""SQLite: one file, one writer at a time, and nothing lost when the power is."""

from luggage.database.sqlite.engine import open_sqlite
from luggage.database.sqlite.upkeep import tidy

__all__ = ["open_sqlite", "tidy"]
