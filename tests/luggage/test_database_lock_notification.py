"""SQLite: who ends a transaction wakes those who wait for the write lock."""

import os
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from luggage.database import open_engine, reading, writing
from luggage.database.sqlite import lock_notification
from luggage.database.sqlite.lock_notification import SUFFIX, LockNotification

PATIENCE_SECONDS = 30


@pytest.fixture
def path(tmp_path):
    """Where a database lies, or will."""
    return tmp_path / "bot.sqlite"


@pytest.fixture
def waiting(path, monkeypatch):
    """Somebody who waits for a hint of the database, and would wait for an hour; set when woken."""
    monkeypatch.setattr(lock_notification, "STEP_SECONDS", 3600)
    other, woken = LockNotification(path), threading.Event()

    def wait():
        other.wait()
        woken.set()

    threading.Thread(target=wait, daemon=True).start()
    yield woken
    other.notify()
    assert woken.wait(PATIENCE_SECONDS)
    other.close()


def test_a_hint_wakes_who_waits(path, waiting):
    """Another Turns of the same database is one of another process."""
    assert not waiting.is_set()
    hinting = LockNotification(path)
    hinting.notify()
    assert waiting.wait(PATIENCE_SECONDS)
    hinting.close()


@pytest.mark.parametrize("is_kept", [True, False])
def test_the_end_of_a_transaction_is_a_hint(path, waiting, is_kept):
    """Be it a commit or a rollback."""
    engine = open_engine(f"sqlite:///{path}")
    with engine.connect() as connection, connection.begin() as transaction:
        connection.execute(text("CREATE TABLE thing (id integer)"))
        assert not waiting.is_set()
        transaction.commit() if is_kept else transaction.rollback()
    assert waiting.wait(PATIENCE_SECONDS)
    engine.dispose()


def test_a_connection_that_did_nothing_gives_no_hint(path):
    """The pool rolls each connection back that comes home; most are in no transaction."""
    fifo = path.with_name(path.name + SUFFIX)
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    engine = open_engine(f"sqlite:///{path}")
    with engine.connect():
        pass
    with pytest.raises(BlockingIOError):
        os.read(reader, 1)
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE thing (id integer)"))
    assert os.read(reader, 1)
    engine.dispose()
    os.close(reader)


def test_hints_that_nobody_reads_block_nobody(path):
    """They fill the FIFO, and that is all."""
    busy = LockNotification(path)
    for _ in range(70_000):  # more than it holds
        busy.notify()
    busy.wait()
    busy.close()


def test_a_closed_one_opens_again(path):
    """An engine that was disposed of may go on."""
    again = LockNotification(path)
    again.notify()
    again.close()
    again.close()
    again.notify()
    again.wait()
    again.close()
    assert path.with_name(path.name + SUFFIX).is_fifo()


def test_an_engine_lets_go_of_the_hints_when_it_is_disposed_of(path):
    """No descriptor is left."""
    engine = open_engine(f"sqlite:///{path}")
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE thing (id integer)"))
    fifo = str(path.with_name(path.name + SUFFIX))
    assert fifo in opened_files()
    engine.dispose()
    assert fifo not in opened_files()


def opened_files():
    """The files that this process has open, by name."""
    descriptors = list(Path("/proc/self/fd").iterdir())
    return [str(each.readlink()) for each in descriptors if each.is_symlink()]


def test_where_no_fifo_can_be_made_writers_still_wait_for_one_another(path):
    """Some file systems have none; there each tries again after a step."""
    path.with_name(path.name + SUFFIX).mkdir()
    engine = open_engine(f"sqlite:///{path}")
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE thing (id integer)"))
    holding, go = threading.Event(), threading.Event()

    def hold():
        with writing(engine):
            holding.set()
            go.wait(PATIENCE_SECONDS)

    thread = threading.Thread(target=hold)
    thread.start()
    assert holding.wait(PATIENCE_SECONDS)
    threading.Timer(0.05, go.set).start()
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO thing VALUES (1)"))
    thread.join()
    with reading(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM thing")).scalar() == 1
    engine.dispose()
