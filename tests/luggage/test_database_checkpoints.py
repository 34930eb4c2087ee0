"""SQLite: checkpoints of the log in a background thread."""

import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from luggage.database import open_engine, writing
from luggage.database.sqlite import COMMITS, LARGEST_LOG_PAGES
from tests.support.running import until

LETTER = "x" * 10_000


@pytest.fixture
def path(tmp_path):
    """The path of the database."""
    return tmp_path / "bot.sqlite"


@pytest.fixture
def engine(path):
    """An engine with a table to write to."""
    engine = open_engine(f"sqlite:///{path}")
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE letter (words text)"))
    yield engine
    engine.dispose()


def write(engine, times):
    """Commit so many times."""
    for _ in range(times):
        with writing(engine) as connection:
            connection.execute(text("INSERT INTO letter VALUES (:words)"), {"words": LETTER})


def test_the_log_is_checkpointed_after_so_many_commits(engine, path):
    """The thread writes the commits into the database file."""
    before = path.stat().st_size
    write(engine, COMMITS // 2)
    assert path.stat().st_size == before
    write(engine, COMMITS // 2)
    until(lambda: path.stat().st_size > before + COMMITS // 2 * len(LETTER), "it is written back")


def test_the_log_restarts_while_others_commit(engine, path):
    """It does not grow with the number of commits."""
    log = path.with_name(path.name + "-wal")
    size = 0
    for _ in range(20):
        for _ in range(COMMITS // 8):
            write(engine, 8)
            time.sleep(0.01)  # on a busy machine, the other thread needs a turn
        before = size
        size = log.stat().st_size
        if size == before:
            return
    raise AssertionError(f"the log has {size} bytes, and grows on")


def test_a_commit_checkpoints_only_a_very_long_log(engine):
    """SQLite's default of a thousand pages would make each commit of a busy bot do it."""
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar()
    assert pages == LARGEST_LOG_PAGES


AT_THE_END = """
import atexit, sys
from luggage.database import open_engine, writing
from luggage.database.sqlite import COMMITS
engine = open_engine(sys.argv[1])
def write():
    for number in range(COMMITS):
        with writing(engine) as connection:
            connection.exec_driver_sql("INSERT INTO letter VALUES ('late')")
atexit.register(write)
"""


def test_a_commit_while_the_process_ends_is_kept(engine, path):
    """No thread can start then, and the checkpoint happens another time."""
    url = f"sqlite:///{path}"
    end = subprocess.run(
        [sys.executable, "-c", AT_THE_END, url], capture_output=True, text=True, check=True
    )
    with engine.connect() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM letter").scalar()
    assert (count, end.stderr) == (COMMITS, "")


def test_a_failed_checkpoint_is_logged_and_repeated(engine, path, monkeypatch, caplog):
    """The disk may be full; a later commit starts another checkpoint."""
    real = engine.connect

    def connect():
        if threading.current_thread().name.startswith("checkpoint"):
            raise OperationalError("PRAGMA", None, Exception("the disk is full"))
        return real()

    before = path.stat().st_size
    with monkeypatch.context() as context:
        context.setattr(engine, "connect", connect)
        write(engine, COMMITS)
        until(lambda: "checkpoint of the database failed" in caplog.text, "the failure is logged")
    assert path.stat().st_size == before
    write(engine, COMMITS)
    until(lambda: path.stat().st_size > before, "it is written back")
