"""luggage.jobs.wake: wake-ups across threads and processes."""

import os
import socket
import subprocess
import sys
import time

import pytest

from luggage.database import open_engine
from luggage.jobs import LocalWakeup, listener, nobody, notifier

# Longer than any test takes: a wait that lasts for all of it was not woken.
LONG = 30.0


@pytest.fixture
def directory(tmp_path):
    """The directory of a test's FIFOs."""
    return tmp_path / "wake"


@pytest.fixture
def wakeup(empty_engine, directory):
    """A wake-up of either database, which has waited once."""
    wakeup = listener(empty_engine, directory)
    wakeup.wait(0.0)
    yield wakeup
    wakeup.close()


def seconds_of(call):
    """Return how long a call took, in seconds."""
    before = time.monotonic()
    call()
    return time.monotonic() - before


def test_a_wait_ends_by_itself(wakeup):
    """A wait without a wake-up ends after its timeout."""
    assert 0.05 <= seconds_of(lambda: wakeup.wait(0.05)) < LONG


def test_a_waker_wakes(wakeup, empty_engine, directory):
    """A wake-up sent before the wait ends the wait."""
    notifier(empty_engine, directory)()
    assert seconds_of(lambda: wakeup.wait(LONG)) < LONG


def test_wake_ups_are_used_up(wakeup, empty_engine, directory):
    """Any number of wake-ups before a wait end that wait only."""
    for _ in range(3):
        notifier(empty_engine, directory)()
    wakeup.wake()
    wakeup.wait(LONG)
    # PostgreSQL's own notices may still be on their way.
    wakeup.wait(0.2)
    assert seconds_of(lambda: wakeup.wait(0.05)) >= 0.05


def test_the_own_process_wakes_without_the_database(wakeup):
    """A signal handler or a thread ends the wait of its process."""
    wakeup.wake()
    assert seconds_of(lambda: wakeup.wait(LONG)) < LONG


def test_every_listener_is_woken(empty_engine, directory):
    """One wake-up wakes two loops."""
    ears = [listener(empty_engine, directory) for _ in range(2)]
    for wakeup in ears:
        wakeup.wait(0.0)
    notifier(empty_engine, directory)()
    took = [seconds_of(lambda wakeup=wakeup: wakeup.wait(LONG)) for wakeup in ears]
    for wakeup in ears:
        wakeup.close()
    assert max(took) < LONG


def test_closing_is_safe_to_repeat(wakeup):
    """Closing twice is safe, and so is a late signal's wake-up."""
    wakeup.close()
    wakeup.close()
    wakeup.wake()


def test_the_default_wake_does_nothing():
    """`nobody` does nothing."""
    assert nobody() is None


def test_any_number_of_wake_ups_never_block():
    """Writing to a full pipe does not block."""
    wakeup = LocalWakeup()
    for _ in range(70_000):
        wakeup.wake()
    wakeup.wait(LONG)
    took = seconds_of(lambda: wakeup.wait(0.01))
    wakeup.close()
    assert took >= 0.01


# On SQLite


@pytest.fixture
def fifo(sqlite_url, directory):
    """A SQLite wake-up and its waker."""
    engine = open_engine(sqlite_url)
    wakeup = listener(engine, directory)
    yield wakeup, notifier(engine, directory)
    wakeup.close()
    engine.dispose()


def test_another_process_wakes(fifo, directory):
    """A web process wakes the loop of another process."""
    wakeup, _ = fifo
    code = (
        "import sys; from pathlib import Path; from luggage.jobs.wake import FifoWaker;"
        "FifoWaker(Path(sys.argv[1]))()"
    )
    subprocess.run([sys.executable, "-c", code, str(directory)], check=True)
    assert seconds_of(lambda: wakeup.wait(LONG)) < LONG


def test_a_full_fifo_does_not_block_the_waker(fifo):
    """A loop that does not read its FIFO blocks no waker."""
    wakeup, wake = fifo
    for _ in range(70_000 // 8):
        wake()
    assert seconds_of(lambda: wakeup.wait(LONG)) < LONG


def test_a_dead_listener_is_swept_away(fifo, directory):
    """The next wake-up removes the FIFO of a killed loop."""
    _, wake = fifo
    os.mkfifo(directory / "4711-dead")
    wake()
    assert not (directory / "4711-dead").exists()
    assert len(list(directory.iterdir())) == 1


def test_a_listener_leaves_nothing_behind(sqlite_url, directory):
    """A loop that ends removes its FIFO."""
    engine = open_engine(sqlite_url)
    listener(engine, directory).close()
    engine.dispose()
    assert list(directory.iterdir()) == []


def test_waking_without_a_listener(sqlite_url, directory):
    """A wake-up before any loop has started does nothing."""
    engine = open_engine(sqlite_url)
    notifier(engine, directory)()
    engine.dispose()
    assert not directory.exists()


def test_a_fifo_that_cannot_be_opened_is_left_alone(fifo, directory):
    """A FIFO without write permission is neither written nor removed, and blocks no waker."""
    wakeup, wake = fifo
    (directory / "9-loop").symlink_to("9-loop")
    wake()
    assert (directory / "9-loop").is_symlink()
    assert seconds_of(lambda: wakeup.wait(LONG)) < LONG


def test_other_files_are_left_as_they_are(fifo, directory):
    """A waker whose directory has files of others writes to none of them."""
    _, wake = fifo
    (directory / "bot.sqlite").write_text("a database")
    (directory / "linked").symlink_to("bot.sqlite")
    (directory / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(directory / "socket"))
        wake()
    assert (directory / "bot.sqlite").read_text() == "a database"
    assert {"bot.sqlite", "linked", "folder", "socket"} < {
        each.name for each in directory.iterdir()
    }


# On PostgreSQL


@pytest.fixture
def channel(postgresql_url):
    """A PostgreSQL wake-up and its waker."""
    engine = open_engine(postgresql_url)
    wakeup = listener(engine, None)
    wakeup.wait(0.0)
    yield wakeup, notifier(engine, None)
    wakeup.close()
    engine.dispose()


def test_a_lost_connection_is_made_anew(channel, postgresql_server, postgresql_url):
    """After a restart of the server the loop looks at once, and then listens again."""
    wakeup, wake = channel
    postgresql_server.disconnect(postgresql_url)
    lost = seconds_of(lambda: wakeup.wait(LONG))
    again = seconds_of(lambda: wakeup.wait(LONG))
    wake()
    heard = seconds_of(lambda: wakeup.wait(LONG))
    assert max(lost, again, heard) < LONG


@pytest.fixture
def unreachable():
    """An engine whose server does not exist."""
    engine = open_engine("postgresql://nobody@127.0.0.1:1/nothing")
    yield engine
    engine.dispose()


def test_a_server_that_is_away_costs_only_the_wait(unreachable):
    """The wait lasts as long as usual, and its own process can still end it."""
    wakeup = listener(unreachable, None)
    alone = seconds_of(lambda: wakeup.wait(0.05))
    wakeup.wake()
    woken = seconds_of(lambda: wakeup.wait(LONG))
    wakeup.close()
    assert 0.05 <= alone < LONG
    assert woken < LONG


def test_waking_through_a_server_that_is_away_does_nothing(unreachable):
    """A failed notification does not undo the commit."""
    assert notifier(unreachable, None)() is None
