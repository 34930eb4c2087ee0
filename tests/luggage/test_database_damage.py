"""Errors of a SQLite file, and the search for damage in it."""

import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import text

from luggage.database import (
    DamagedFileError,
    DamageWatch,
    FileAccessError,
    SchemaError,
    migrate,
    open_engine,
    quick_check,
    reading,
    unavailable,
    writing,
)
from tests.conftest import JOBS


@pytest.fixture
def path(tmp_path):
    """A database of the bot, closed."""
    engine = open_engine(f"sqlite:///{tmp_path}/bot.sqlite")
    migrate(engine, [JOBS], log=lambda _: None)
    engine.dispose()
    return tmp_path / "bot.sqlite"


@pytest.fixture
def engine(path):
    """An engine on it."""
    engine = open_engine(f"sqlite:///{path}")
    yield engine
    engine.dispose()


def overwrite(path):
    """Overwrite the beginning of each page but the first."""
    content = bytearray(path.read_bytes())
    for start in range(4096, len(content), 4096):
        content[start : start + 32] = b"\xa5" * 32
    path.write_bytes(content)


def test_a_whole_file_has_no_damage(engine):
    """Nothing is found in a database that is in use."""
    with writing(engine):
        assert quick_check(engine, seconds=60) == ""


def test_an_overwritten_page_is_found(engine, path):
    """The line names the file and the remedy."""
    overwrite(path)
    found = quick_check(engine, seconds=60)
    assert found.startswith(f"the database {path} is damaged (")
    assert "`restore` a backup" in found


@pytest.mark.parametrize("content", [b"garbage" * 999, b"\xff" * 5000])
def test_what_is_no_database_is_found(engine, path, content):
    """Another file in its place counts as damage."""
    path.write_bytes(content)
    assert "not a database" in quick_check(engine, seconds=60)


def test_a_missing_file_is_not_damaged_and_not_made(engine, path):
    """The check of a file that is not there makes none."""
    path.unlink()
    assert quick_check(engine, seconds=60) == ""
    assert not path.exists()


def test_a_directory_in_its_place_is_found(engine, path):
    """What is no file is told as such."""
    path.unlink()
    path.mkdir()
    assert "is a directory, not a database" in quick_check(engine, seconds=60)


def test_a_check_that_takes_too_long_ends(engine, path):
    """Out of time, nothing is claimed."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE large (a)")
        numbers = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
        connection.execute(f"INSERT INTO large {numbers} SELECT nullif(i, 100000) FROM n")
        connection.execute("PRAGMA writable_schema = 1")
        changed = "UPDATE sqlite_schema SET sql = 'CREATE TABLE large (a NOT NULL)'"
        connection.execute(f"{changed} WHERE name = 'large'")
        connection.commit()
    assert quick_check(engine, seconds=-1) == ""
    assert quick_check(engine, seconds=60) != ""


def test_the_watch_takes_a_hundredth_of_the_time(engine, path, clock, monkeypatch):
    """A check of two seconds is repeated after 200, a short one after ten."""
    checks = []

    def check(_engine, *, seconds):
        checks.append(seconds)
        clock.now += took
        return f"found {len(checks)}"

    monkeypatch.setattr("luggage.database.damage.quick_check", check)
    watch = DamageWatch(engine, clock=lambda: clock.now)
    took = 2.0
    assert watch() == "found 1"
    clock.now += 197.0
    assert watch() == "found 1"
    clock.now += 1.5
    took = 0.0
    assert watch() == "found 2"
    clock.now += 9.0
    assert watch() == "found 2"
    clock.now += 1.0
    assert watch() == "found 3"


@pytest.mark.parametrize(
    ("spoil", "kind", "words"),
    [
        (lambda path: path.write_bytes(b"garbage" * 999), DamagedFileError, "is damaged"),
        (overwrite, DamagedFileError, "is damaged"),
        (lambda path: path.unlink() or path.mkdir(), FileAccessError, "is a directory"),
    ],
)
def test_an_error_names_the_file_and_the_remedy(engine, path, spoil, kind, words):
    """The text of an error, and its line in the log, have the path and no statement."""
    spoil(path)
    with pytest.raises(kind) as caught, reading(engine) as connection:
        connection.execute(text("SELECT * FROM job")).all()
    assert str(path) in str(caught.value)
    assert words in str(caught.value)
    assert "SELECT" not in str(caught.value)
    assert unavailable(caught.value).endswith(str(caught.value))


def test_a_full_disk_is_told(engine, path):
    """A commit that finds no space says so."""
    with engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        pages = raw.execute("PRAGMA page_count").fetchone()[0]
        raw.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(FileAccessError, match=f"the disk with the database {path} is full"):
            connection.execute(text("CREATE TABLE t AS SELECT zeroblob(100000) AS a"))


def test_a_lock_is_told(engine, path, monkeypatch):
    """A database that another program keeps locked is named."""
    monkeypatch.setattr("luggage.database.sqlite.LOCK_TIMEOUT_SECONDS", 0.01)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(FileAccessError, match="in use by another process"), writing(engine):
            pass


def test_the_log_of_a_truncated_file_is_kept(engine, path):
    """SQLite would delete it, although it may be all that is left."""
    log = path.with_name("bot.sqlite-wal")
    path.write_bytes(b"")
    log.write_bytes(b"x" * 100)
    with pytest.raises(FileAccessError, match="truncated"), reading(engine):
        pass
    assert log.read_bytes() == b"x" * 100


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_another_application_keeps_its_file(tmp_path, mode):
    """A migration refuses a file with tables of which none is ours."""
    path = tmp_path / "places.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA journal_mode = {mode}")
        other.execute("CREATE TABLE places (a)")
    before = path.read_bytes()
    engine = open_engine(f"sqlite:///{path}")
    with pytest.raises((FileAccessError, SchemaError), match="another application"):
        migrate(engine, [JOBS], log=lambda _: None)
    engine.dispose()
    assert path.read_bytes() == before


def test_a_missing_directory_is_told(tmp_path):
    """The directory is named, not only that the file cannot be opened."""
    engine = open_engine(f"sqlite:///{tmp_path}/gone/bot.sqlite")
    with pytest.raises(FileAccessError, match=f"the directory {tmp_path}/gone does not exist"):
        engine.connect()
