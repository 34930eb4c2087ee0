"""SQLite: the end of a transaction wakes writers that wait for the lock."""

import os
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from luggage.database import open_engine, reading, sqlite, writing
from luggage.database.sqlite import SUFFIX, LockNotification

TIMEOUT_SECONDS = 30


@pytest.fixture
def path(tmp_path):
    """The path of a database, which may not exist yet."""
    return tmp_path / "bot.sqlite"


@pytest.fixture
def waiting(path, monkeypatch):
    """Wait for a notification in a thread, for up to an hour; return the event that is set then."""
    monkeypatch.setattr(sqlite, "STEP_SECONDS", 3600)
    other, woken = LockNotification(path), threading.Event()

    def wait():
        other.wait()
        woken.set()

    threading.Thread(target=wait, daemon=True).start()
    yield woken
    other.notify()
    assert woken.wait(TIMEOUT_SECONDS)
    other.close()


def test_a_notification_wakes_a_waiting_writer(path, waiting):
    """Another LockNotification of the same database stands for another process."""
    assert not waiting.is_set()
    hinting = LockNotification(path)
    hinting.notify()
    assert waiting.wait(TIMEOUT_SECONDS)
    hinting.close()


@pytest.mark.parametrize("is_kept", [True, False])
def test_the_end_of_a_transaction_notifies(path, waiting, is_kept):
    """A commit and a rollback both notify."""
    engine = open_engine(f"sqlite:///{path}")
    with engine.connect() as connection, connection.begin() as transaction:
        connection.execute(text("CREATE TABLE thing (id integer)"))
        assert not waiting.is_set()
        transaction.commit() if is_kept else transaction.rollback()
    assert waiting.wait(TIMEOUT_SECONDS)
    engine.dispose()


def test_a_connection_without_a_transaction_does_not_notify(path):
    """The pool rolls back each returned connection; most are in no transaction."""
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


def test_unread_notifications_do_not_block(path):
    """They fill the FIFO and nothing else happens."""
    busy = LockNotification(path)
    for _ in range(70_000):  # more than it holds
        busy.notify()
    busy.wait()
    busy.close()


def test_a_closed_one_opens_again(path):
    """A disposed engine may be used again."""
    again = LockNotification(path)
    again.notify()
    again.close()
    again.close()
    again.notify()
    again.wait()
    again.close()
    assert path.with_name(path.name + SUFFIX).is_fifo()


def test_a_disposed_engine_closes_the_fifo(path):
    """No descriptor is left open."""
    engine = open_engine(f"sqlite:///{path}")
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE thing (id integer)"))
    fifo = str(path.with_name(path.name + SUFFIX))
    assert fifo in opened_files()
    engine.dispose()
    assert fifo not in opened_files()


def opened_files():
    """Return the names of this process's open files."""
    descriptors = list(Path("/proc/self/fd").iterdir())
    return [str(each.readlink()) for each in descriptors if each.is_symlink()]


def test_writers_poll_without_a_fifo(path):
    """On a file system without FIFOs each writer retries after a step."""
    path.with_name(path.name + SUFFIX).mkdir()
    engine = open_engine(f"sqlite:///{path}")
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE thing (id integer)"))
    holding, go = threading.Event(), threading.Event()

    def hold():
        with writing(engine):
            holding.set()
            go.wait(TIMEOUT_SECONDS)

    thread = threading.Thread(target=hold)
    thread.start()
    assert holding.wait(TIMEOUT_SECONDS)
    threading.Timer(0.05, go.set).start()
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO thing VALUES (1)"))
    thread.join()
    with reading(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM thing")).scalar() == 1
    engine.dispose()
