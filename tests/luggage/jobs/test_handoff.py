"""Handoff: the threads of a worker take quick items one after the other."""

import threading

import pytest

from luggage.jobs.worker import Handoff


@pytest.fixture
def take_in_thread():
    """Take an item in another thread; tell what it took."""

    class TakingThread(threading.Thread):
        def __init__(self, inbox):
            super().__init__(daemon=True)
            self.inbox, self.taken = inbox, []
            self.start()

        def run(self):
            self.taken.append(self.inbox.take())

        def has(self):
            """Wait for the thread; return what it took."""
            self.join(10)
            return self.taken

    return TakingThread


def inbox_of(*things, alone_seconds=1e6):
    """Return an inbox with these items."""
    inbox = Handoff(alone_seconds)
    for thing in things:
        inbox.put(thing)
    return inbox


def test_items_are_taken_in_order():
    """The first item put is the first taken."""
    inbox = inbox_of("a", "b", alone_seconds=0)
    assert [inbox.take(), inbox.take(), inbox.empty()] == ["a", "b", True]


def test_a_fresh_item_runs_alone(take_in_thread):
    """The next thread waits while the newest item is fresh."""
    inbox = inbox_of("a", "b")
    inbox.take()
    second = take_in_thread(inbox)
    second.join(0.05)
    assert second.taken == []
    inbox.over("a")
    assert second.has() == ["b"]


def test_a_slow_item_does_not_block_the_next(take_in_thread):
    """After `alone_seconds` the next item is taken, and so are those after it."""
    inbox = inbox_of("a", "b", "c", alone_seconds=0.001)
    inbox.take()
    assert [take_in_thread(inbox).has(), take_in_thread(inbox).has()] == [["b"], ["c"]]


def test_the_end_of_an_older_item_frees_no_thread(take_in_thread):
    """Only the end of the newest item frees the next thread."""
    inbox = inbox_of("a", "b", "c", alone_seconds=0)
    inbox.take()
    inbox.take()
    inbox._alone_seconds = 1e6
    inbox.over("a")
    third = take_in_thread(inbox)
    third.join(0.05)
    assert third.taken == []
    inbox.over("b")
    assert third.has() == ["c"]


def test_the_end_of_a_thread_does_not_block_the_next(take_in_thread):
    """None ends one thread; the next may take an item at once."""
    inbox = inbox_of(None, "a")
    assert inbox.take() is None
    assert take_in_thread(inbox).has() == ["a"]
