"""Errors of a SQLite file, with its path and the remedy in place of SQLite's words.

SQLite says "unable to open database file" of a missing directory, of one without permission and of
a directory in the file's place; it names no path (docs/decisions/0195).
"""

import os
import sqlite3
import stat
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DatabaseError, OperationalError

# Mask for the primary result code. https://www.sqlite.org/rescode.html#extrc
PRIMARY_CODE = 0xFF
_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
#: The end of the names of the tables that hold a history's revision.
VERSIONS = "_version"
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_RESTORE = "stop the bot, and `restore` a backup"
_ELSEWHERE = "set BOT_DATA or DATABASE_URL to another place"


class _Explained:
    """A message of one line, which shows no statement."""

    explanation: str
    orig: Any

    def __str__(self) -> str:
        return self.explanation


class DamagedFileError(_Explained, DatabaseError):
    """The file is no SQLite database, or parts of it are lost; waiting does not help."""


class FileAccessError(_Explained, OperationalError):
    """The file cannot be opened, read, written or locked now."""


def explain(context: ExceptionContext, path: Path) -> BaseException | None:
    """Return the error to raise instead of SQLite's; None for one that is not about the file."""
    code = getattr(context.original_exception, "sqlite_errorcode", 0) & PRIMARY_CODE
    # A connection that was opened on a read-only disk stays read-only.
    invalid = context.is_disconnect or code == sqlite3.SQLITE_READONLY
    context.is_disconnect = invalid
    if code == sqlite3.SQLITE_READONLY and _only_reads(context):
        return None
    text = _explanation(code, path, str(context.original_exception))
    if not text:
        return None
    kind = DamagedFileError if code in _DAMAGED else FileAccessError
    error = kind(context.statement, None, context.original_exception, hide_parameters=True)
    error.connection_invalidated = invalid
    error.explanation = text
    return error


def _only_reads(context: ExceptionContext) -> bool:
    connection = context.connection
    return connection is not None and bool(connection.get_execution_options().get("read_only"))


def damaged(path: Path, problem: str) -> DamagedFileError:
    """Return the error for a file that a check found damaged."""
    error = DamagedFileError(None, None, sqlite3.DatabaseError(problem))
    error.explanation = f"the database {path} is damaged ({problem}): {_RESTORE}"
    return error


def require_place(path: Path) -> None:
    """Raise FileAccessError if there can be no database of the bot at a path. Changes nothing."""
    if problem := obstacle(path) or _forbidden(path) or _foreign(path):
        error = FileAccessError(None, None, sqlite3.OperationalError(problem))
        error.explanation = problem
        raise error


def obstacle(path: Path) -> str:
    """Return why there can be no database at a path, with the remedy; "" if there may be one."""
    parent = path.absolute().parent
    try:
        mode = path.stat().st_mode if path.exists() else None
        if mode is None and not parent.exists():
            return f"the directory {parent} does not exist: make it, or {_ELSEWHERE}"
        if not parent.is_dir():
            return f"{parent} is not a directory: {_ELSEWHERE}"
    except OSError as error:
        return f"the database {path} cannot be opened ({error.strerror}): {_ELSEWHERE}"
    if mode is not None and not stat.S_ISREG(mode):
        return f"{path} is {_kind(mode)}, not a database: move it away, or {_ELSEWHERE}"
    if mode is not None and has_lost_its_beginning(path):
        return f"the database {path} is empty, and its log is not, so it was truncated: {_RESTORE}"
    return ""


def has_lost_its_beginning(path: Path) -> bool:
    """Return whether SQLite would delete the log of an empty file, which may be all that is left.

    https://www.sqlite.org/wal.html
    """
    log = path.with_name(f"{path.name}-wal")
    is_empty = path.is_file() and path.stat().st_size == 0
    return is_empty and log.exists() and log.stat().st_size > 0


def _explanation(code: int, path: Path, words: str) -> str:
    if code in _DAMAGED:
        return f"the database {path} is damaged ({words}): {_RESTORE}"
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"the database {path} is in use by another process ({words}): try again later"
    if code == sqlite3.SQLITE_FULL:
        return f"the disk with the database {path} is full: free some space"
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR):
        return obstacle(path) or _forbidden(path) or f"the database {path}: {words}: check its disk"
    if code == sqlite3.SQLITE_READONLY:
        return _forbidden(path) or (
            f"the database {path} cannot be written ({words}): mount its disk for writing"
        )
    return ""


def _foreign(path: Path) -> str:
    """Return that another application made a file, which SQLite would change at the connection.

    Those of the bot have a table of versions for each history (`luggage.database.history`), and a
    log. Only SQLite may open the file: whoever closes it otherwise drops the locks of all
    connections of this process, and writers then damage it.
    https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_
    """
    if not path.exists():
        return ""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as reader:
            if reader.execute("PRAGMA journal_mode").fetchone() == ("wal",):
                return ""
            names = [name for (name,) in reader.execute(_TABLES)]
    except sqlite3.Error:  # told when it is used
        return ""
    return foreign(path, names)


def foreign(path: Path, tables: Sequence[str]) -> str:
    """Return that the tables of a file are another application's; "" for ours, or for none."""
    if not tables or any(name.endswith(VERSIONS) for name in tables):
        return ""
    return (
        f"{path} is the database of another application (it has the table {tables[0]}): "
        "set BOT_DATA or DATABASE_URL to the bot's own"
    )


def _forbidden(path: Path) -> str:
    """Return what this user may not do, with the remedy; "" if the user may do all."""
    for place in (path, path.absolute().parent):
        if place.exists() and os.statvfs(place).f_flag & os.ST_RDONLY:
            return (
                f"the disk of {place} is mounted read-only: mount it for writing, or {_ELSEWHERE}"
            )
        if place.exists() and not may_write(place):
            owner = f"the bot runs as user {os.geteuid()}, and {place} belongs to user"
            remedy = f"give it to the bot's user, or {_ELSEWHERE}"
            return f"{place} is not writable ({owner} {place.stat().st_uid}): {remedy}"
    return ""


def may_write(path: Path) -> bool:
    """Return whether this process may read and write a file or a directory. Changes nothing."""
    mode = os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a directory"
    return "a named pipe" if stat.S_ISFIFO(mode) else "a device or socket"
