"""Periodic maintenance of a SQLite file."""

from typing import Any

from sqlalchemy import Engine

# Pages (of 4 KiB) freed in one transaction.
_SHRINK_PAGES = 256


def tidy(engine: Engine) -> None:
    """Truncate SQLite's log, and free unused pages beyond a quarter of its file.

    The unused pages that stay are soon used again. Steps are small, so that writers do not wait
    long. On PostgreSQL it does nothing, because of autovacuum. Safe to repeat and to interrupt.
    Raises sqlalchemy.exc.DBAPIError when the database is away.
    """
    if engine.dialect.name != "sqlite":
        return
    with engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        # A longer read postpones the maintenance to the next time.
        raw.execute("PRAGMA busy_timeout = 1000").close()
        try:
            _shrink(raw)
        finally:
            connection.info.pop("read_only", None)  # makes the next user set the timeout


def _shrink(raw: Any) -> None:
    def pragma(words: str) -> int:
        rows = raw.execute(f"PRAGMA {words}").fetchall()
        # From Python 3.13 on, a pragma without a result returns empty rows.
        return int(rows[0][0]) if rows and rows[0] else 0

    pragma("query_only = 0")
    unused, all_pages = pragma("freelist_count"), pragma("page_count")
    while unused > max(all_pages // 4, _SHRINK_PAGES):
        pragma(f"incremental_vacuum({_SHRINK_PAGES})")
        before, unused, all_pages = unused, pragma("freelist_count"), pragma("page_count")
        if unused >= before:  # an old file without auto_vacuum cannot shrink
            break
    pragma("wal_checkpoint(TRUNCATE)")
