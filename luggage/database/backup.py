"""Backups of a database: one SQLite file with all rows, from either kind and into either.

A backup is checked before it gets its name, so what has the name can be restored.
"""

import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import URL, Engine, Table, inspect, select

from luggage.database.access import refuse_foreign
from luggage.database.engines import open_engine, reading, writing
from luggage.database.file_errors import (
    DamagedFileError,
    FileAccessError,
    has_lost_its_beginning,
    obstacle,
)
from luggage.database.history import History
from luggage.database.migrating import migrate
from luggage.database.sqlite import SQLITE_SUFFIXES
from luggage.database.transfer import copy_rows, delete_rows

Report = Callable[[str], object]

_MAGIC = b"SQLite format 3\x00"
# SQLite's virtual machine does some ten million instructions a second.
_INSTRUCTIONS_BETWEEN_REPORTS = 20_000_000


class BackupError(Exception):
    """The backup was not made, or not restored; the message is one line, with the remedy."""


def dated(directory: Path, name: str, at: float) -> Path:
    """Return the path of a backup of that time (epoch seconds); the names sort by time. Pure."""
    return directory / f"{name}-{datetime.fromtimestamp(at, UTC):%Y%m%dT%H%M%SZ}.backup"


def back_up(engine: Engine, path: Path, histories: Sequence[History], *, report: Report) -> int:
    """Write all rows of a database, which may be in use, to the new file `path`; return its bytes.

    The file is one moment of the database, and only its owner may read it. Raises SchemaError when
    the database is of another version, BackupError when it is damaged or `path` exists, OSError
    when the disk is full. After an error there is no file.
    """
    from luggage.database.schema import compare  # noqa: PLC0415  loads Alembic

    with _damage_told(engine), reading(engine) as connection:
        refuse_foreign(connection, may_be_empty=False)
        for history in histories:
            compare(connection, history)
    with _reserved(path), _scratch(path.parent) as copy:
        if engine.dialect.name == "sqlite":
            with _damage_told(engine):
                _vacuum(Path(str(engine.url.database)), copy, report)
        else:
            _write_rows(engine, copy, histories, report)
        report("checking the copy")
        verify(copy, histories)
        _sync(copy)
        copy.replace(path)
    return path.stat().st_size


def restore(  # noqa: PLR0913  # each is one part of the work
    path: Path,
    engine: Engine,
    histories: Sequence[History],
    *,
    aside: Path,
    replace: bool,
    report: Report,
) -> Path | None:
    """Put the rows of a backup into the database, which no process uses, and upgrade them.

    What the database had is kept in the new file `aside`, which is returned; None if it was empty.
    `aside` is in the directory of a SQLite database, as a file system of its own may be.
    Raises BackupError when the file is no backup or the database has rows and not `replace`,
    SchemaError when a newer version made the backup. After an error the database is as it was. Safe
    to repeat.
    """
    verify(path, histories)
    had_rows = has_rows(engine, histories)
    if had_rows and not replace:
        raise BackupError(
            "the database is not empty: --replace puts the backup in its place, and keeps what it "
            f"has in {aside}"
        )
    with _scratch(aside.parent) as copy:
        shutil.copyfile(path, copy)
        with _opened(copy) as source:
            migrate(source, histories, log=report)
            if engine.dialect.name != "sqlite":
                if had_rows:
                    back_up(engine, aside, histories, report=report)
                _read_rows(source, engine, histories, report)
        if engine.dialect.name == "sqlite":
            _sync(copy)
            engine.dispose()
            _install(copy, Path(str(engine.url.database)), aside if had_rows else None)
    return aside if had_rows else None


def verify(path: Path, histories: Sequence[History]) -> None:
    """Return if the file is a whole backup with these histories; raises BackupError otherwise."""
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise BackupError(f"{path} is no backup of the bot")
    try:
        with _connected(path) as connection:
            (result,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    except sqlite3.DatabaseError as error:
        raise BackupError(f"{path} is damaged ({error}): use another backup") from error
    if result != "ok":
        raise BackupError(f"{path} is damaged ({result.splitlines()[-1]}): use another backup")
    if missing := [each for each in histories if each.version_table not in tables]:
        raise BackupError(f"{path} is no backup of the bot: it has no table {missing[0].name}")


def has_rows(engine: Engine, histories: Sequence[History]) -> bool:
    """Return whether any of the tables has a row; a damaged SQLite file counts as one that has.

    So does one of another application. Raises BackupError for what is no file.
    """
    is_sqlite = engine.dialect.name == "sqlite"
    path = Path(str(engine.url.database))
    if is_sqlite and has_lost_its_beginning(path):  # its log may be all that is left
        return True
    if is_sqlite and (problem := obstacle(path)):
        raise BackupError(problem)
    if is_sqlite and not _is_written(path):
        return False
    try:
        with reading(engine) as connection:
            there = set(inspect(connection).get_table_names())
            tables = [table for table in _tables(histories) if table.name in there]
            return any(connection.execute(select(table).limit(1)).first() for table in tables)
    except (DamagedFileError, FileAccessError):  # or another application's
        if is_sqlite:
            return True
        raise


def _is_written(database: Path) -> bool:
    return database.exists() and database.stat().st_size > 0


def _tables(histories: Sequence[History]) -> list[Table]:
    return [table for history in histories for table in history.metadata.sorted_tables]


def _vacuum(database: Path, copy: Path, report: Report) -> None:
    """Let SQLite copy one moment of its file.

    https://www.sqlite.org/lang_vacuum.html#vacuum_with_an_into_clause
    """

    def tell() -> None:
        report(f"{copy.stat().st_size / 1e6:.0f} MB so far")

    with _connected(database) as connection:
        connection.set_progress_handler(tell, _INSTRUCTIONS_BETWEEN_REPORTS)
        try:
            connection.execute("VACUUM INTO ?", (str(copy),))
        except sqlite3.OperationalError as error:
            raise OSError(errno.EIO, str(error), str(copy)) from error


@contextmanager
def _damage_told(engine: Engine) -> Iterator[None]:
    """Raise BackupError for a damaged SQLite file."""
    try:
        yield
    except (DamagedFileError, sqlite3.DatabaseError) as error:
        problem = getattr(error, "orig", error)
        told = f"{engine.url.database} is damaged ({problem}): `restore` a backup"
        raise BackupError(told) from error


def _write_rows(engine: Engine, copy: Path, histories: Sequence[History], report: Report) -> None:
    """Copy the rows of one moment of a PostgreSQL database."""
    snapshot = engine.execution_options(isolation_level="REPEATABLE READ")
    with _opened(copy) as target:
        migrate(target, histories, log=lambda _: None)
        with reading(snapshot) as old, writing(target) as new:
            copy_rows(old, new, _tables(histories), report)


def _read_rows(
    source: Engine, engine: Engine, histories: Sequence[History], report: Report
) -> None:
    """Replace all rows of a PostgreSQL database, in one transaction."""
    migrate(engine, histories, log=report)
    tables = _tables(histories)
    with reading(source) as old, writing(engine) as new:
        delete_rows(new, tables)
        copy_rows(old, new, tables, report)


def _install(copy: Path, database: Path, aside: Path | None) -> None:
    """Put a file in the place of a SQLite database, whose files are kept as `aside`, or removed."""
    for suffix in SQLITE_SUFFIXES:
        file = database.with_name(database.name + suffix)
        if not file.is_file():  # there is none, or it is our pipe
            continue
        if aside is None:
            file.unlink()
        else:
            file.replace(aside.with_name(aside.name + suffix))
    copy.replace(database)


@contextmanager
def _reserved(path: Path) -> Iterator[None]:
    """Make an empty file, which nobody overwrites; removed after an error."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise BackupError(f"{path} exists: name a new file") from None
    try:
        yield
    except BaseException:
        path.unlink()
        raise


@contextmanager
def _scratch(directory: Path) -> Iterator[Path]:
    """Give the name of a file in a directory of our own there, which is removed at the end."""
    with tempfile.TemporaryDirectory(dir=directory, prefix=".backup-") as own:
        file = Path(own, "copy.sqlite")
        file.touch(mode=0o600)
        yield file


@contextmanager
def _opened(file: Path) -> Iterator[Engine]:
    """Give an engine on a SQLite file; at its end the file is whole without a journal."""
    engine = open_engine(URL.create("sqlite", database=str(file)).render_as_string())
    try:
        yield engine
    finally:
        engine.dispose()
    with _connected(file) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")


@contextmanager
def _connected(file: Path) -> Iterator[sqlite3.Connection]:
    """Give a plain connection to an existing SQLite file."""
    uri = f"{file.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        yield connection


def _sync(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
