"""What is to be done for a SQLite file from time to time."""

from typing import Any

from sqlalchemy import Engine

# How many pages (of 4 KiB) a file gives back in one transaction.
_SHRINK_PAGES = 256


def tidy(engine: Engine) -> None:
    """Shorten SQLite's log, and give back unused pages beyond a quarter of its file.

    What is kept unused is soon used again. PostgreSQL does this by itself (autovacuum): nothing is
    done. In small steps, so that nobody waits long; safe to repeat and to interrupt. Raises
    sqlalchemy.exc.DBAPIError when the database is away.
    """
    if engine.dialect.name != "sqlite":
        return
    with engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        # Whoever reads for longer than this is let be until the next time.
        raw.execute("PRAGMA busy_timeout = 1000").close()
        try:
            _shrink(raw)
        finally:
            connection.info.pop("read_only", None)  # to be set anew


def _shrink(raw: Any) -> None:
    def ask(pragma: str) -> int:
        rows = raw.execute(f"PRAGMA {pragma}").fetchall()
        # A pragma that only acts answers, from Python 3.13 on, with rows of nothing.
        return int(rows[0][0]) if rows and rows[0] else 0

    ask("query_only = 0")
    unused, all_pages = ask("freelist_count"), ask("page_count")
    while unused > max(all_pages // 4, _SHRINK_PAGES):
        ask(f"incremental_vacuum({_SHRINK_PAGES})")
        before, unused, all_pages = unused, ask("freelist_count"), ask("page_count")
        if unused >= before:  # a file made before files could shrink; its pages are used again
            break
    ask("wal_checkpoint(TRUNCATE)")
