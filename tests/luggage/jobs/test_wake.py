"""luggage.jobs.wake: waking loops across threads and processes."""

import os
import subprocess
import sys
import time

import pytest

from luggage.database import open_engine
from luggage.jobs import LocalWakeup, listener, nobody, notifier

# Longer than any test takes: whoever waits for all of it was not woken.
LONG = 30.0


@pytest.fixture
def directory(tmp_path):
    """Where the FIFOs of a test are."""
    return tmp_path / "wake"


@pytest.fixture
def ear(empty_engine, directory):
    """What a loop waits on, on either database; it has listened once already."""
    ear = listener(empty_engine, directory)
    ear.wait(0.0)
    yield ear
    ear.close()


def seconds_of(call):
    """Return how long a call took."""
    before = time.monotonic()
    call()
    return time.monotonic() - before


def test_a_wait_ends_by_itself(ear):
    """A loop that nobody wakes goes on after its time-out."""
    assert 0.05 <= seconds_of(lambda: ear.wait(0.05)) < LONG


def test_a_waker_wakes(ear, empty_engine, directory):
    """A wake-up sent before the wait ends the wait."""
    notifier(empty_engine, directory)()
    assert seconds_of(lambda: ear.wait(LONG)) < LONG


def test_wake_ups_are_used_up(ear, empty_engine, directory):
    """Any number of wake-ups before a wait end that wait, and not the next one."""
    for _ in range(3):
        notifier(empty_engine, directory)()
    ear.wake()
    ear.wait(LONG)
    # PostgreSQL's own notices may still be on their way.
    ear.wait(0.2)
    assert seconds_of(lambda: ear.wait(0.05)) >= 0.05


def test_the_own_process_wakes_without_the_database(ear):
    """A signal handler or a thread ends the wait of its own process."""
    ear.wake()
    assert seconds_of(lambda: ear.wait(LONG)) < LONG


def test_every_listener_is_woken(empty_engine, directory):
    """Two loops both hear of a new job."""
    ears = [listener(empty_engine, directory) for _ in range(2)]
    for ear in ears:
        ear.wait(0.0)
    notifier(empty_engine, directory)()
    took = [seconds_of(lambda ear=ear: ear.wait(LONG)) for ear in ears]
    for ear in ears:
        ear.close()
    assert max(took) < LONG


def test_closing_is_safe_to_repeat(ear):
    """A loop may close what it waited on twice, and a late signal may still wake it."""
    ear.close()
    ear.close()
    ear.wake()


def test_nobody_wakes_nobody():
    """A queue without loops calls something that does nothing."""
    assert nobody() is None


def test_any_number_of_wake_ups_never_block():
    """A pipe that is full is one that will wake; writing to it does not wait."""
    ear = LocalWakeup()
    for _ in range(70_000):
        ear.wake()
    ear.wait(LONG)
    took = seconds_of(lambda: ear.wait(0.01))
    ear.close()
    assert took >= 0.01


# On SQLite


@pytest.fixture
def fifo(sqlite_url, directory):
    """The listener of a SQLite database, and its waker."""
    engine = open_engine(sqlite_url)
    ear = listener(engine, directory)
    yield ear, notifier(engine, directory)
    ear.close()
    engine.dispose()


def test_another_process_wakes(fifo, directory):
    """A web process wakes the loop of another process."""
    ear, _ = fifo
    code = (
        "import sys; from pathlib import Path; from luggage.jobs.wake import FifoWaker;"
        "FifoWaker(Path(sys.argv[1]))()"
    )
    subprocess.run([sys.executable, "-c", code, str(directory)], check=True)
    assert seconds_of(lambda: ear.wait(LONG)) < LONG


def test_a_full_fifo_does_not_block_the_waker(fifo):
    """A loop that does not come to listen holds nobody up."""
    ear, wake = fifo
    for _ in range(70_000 // 8):
        wake()
    assert seconds_of(lambda: ear.wait(LONG)) < LONG


def test_a_dead_listener_is_swept_away(fifo, directory):
    """The FIFO of a loop that was killed is removed by the next wake-up."""
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


def test_waking_where_nobody_ever_listened(sqlite_url, directory):
    """A web process that starts before any loop wakes nobody, and does not mind."""
    engine = open_engine(sqlite_url)
    notifier(engine, directory)()
    engine.dispose()
    assert not directory.exists()


def test_a_fifo_that_cannot_be_opened_is_left_alone(fifo, directory):
    """What is not ours to write to is neither written to nor removed, and holds nobody up."""
    ear, wake = fifo
    (directory / "9-loop").symlink_to("9-loop")
    wake()
    assert (directory / "9-loop").is_symlink()
    assert seconds_of(lambda: ear.wait(LONG)) < LONG


# On PostgreSQL


@pytest.fixture
def channel(postgresql_url):
    """The listener of a PostgreSQL database, and its waker."""
    engine = open_engine(postgresql_url)
    ear = listener(engine, None)
    ear.wait(0.0)
    yield ear, notifier(engine, None)
    ear.close()
    engine.dispose()


def test_a_lost_connection_is_made_anew(channel, postgresql_server, postgresql_url):
    """After a restart of the server the loop looks at once, and then hears again."""
    ear, wake = channel
    postgresql_server.disconnect(postgresql_url)
    lost = seconds_of(lambda: ear.wait(LONG))
    again = seconds_of(lambda: ear.wait(LONG))
    wake()
    heard = seconds_of(lambda: ear.wait(LONG))
    assert max(lost, again, heard) < LONG


@pytest.fixture
def unreachable():
    """An engine whose server is not there."""
    engine = open_engine("postgresql://nobody@127.0.0.1:1/nothing")
    yield engine
    engine.dispose()


def test_a_server_that_is_away_costs_only_the_wait(unreachable):
    """A loop waits as long as it would have, and can still be woken by its own process."""
    ear = listener(unreachable, None)
    alone = seconds_of(lambda: ear.wait(0.05))
    ear.wake()
    woken = seconds_of(lambda: ear.wait(LONG))
    ear.close()
    assert 0.05 <= alone < LONG
    assert woken < LONG


def test_waking_through_a_server_that_is_away_does_nothing(unreachable):
    """A commit is not undone because nobody could be told of it."""
    assert notifier(unreachable, None)() is None
