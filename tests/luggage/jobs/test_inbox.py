"""luggage.jobs.inbox: what threads take, one after the other while it is quick."""

import threading

import pytest

from luggage.jobs.inbox import Handoff


@pytest.fixture
def taking():
    """Take what comes next, in a thread of its own; what it took, and whether, can be asked."""

    class Taking(threading.Thread):
        def __init__(self, inbox):
            super().__init__(daemon=True)
            self.inbox, self.taken = inbox, []
            self.start()

        def run(self):
            self.taken.append(self.inbox.take())

        def has(self):
            """What it took; waits for that."""
            self.join(10)
            return self.taken

    return Taking


def inbox_of(*things, alone_seconds=1e6):
    """An inbox with these."""
    inbox = Handoff(alone_seconds)
    for thing in things:
        inbox.put(thing)
    return inbox


def test_things_are_taken_in_their_order():
    """Who was put first is taken first."""
    inbox = inbox_of("a", "b", alone_seconds=0)
    assert [inbox.take(), inbox.take(), inbox.empty()] == ["a", "b", True]


def test_nothing_is_taken_beside_what_is_fresh(taking):
    """The next in line waits while the one before it is in hand."""
    inbox = inbox_of("a", "b")
    inbox.take()
    second = taking(inbox)
    second.join(0.05)
    assert second.taken == []
    inbox.over("a")
    assert second.has() == ["b"]


def test_what_takes_long_gets_company(taking):
    """What has been in hand for so long holds up nobody, nor do those that joined it."""
    inbox = inbox_of("a", "b", "c", alone_seconds=0.001)
    inbox.take()
    assert [taking(inbox).has(), taking(inbox).has()] == [["b"], ["c"]]


def test_the_end_of_an_older_one_frees_nobody(taking):
    """Only the newest is fresh: when one that took long is over, the newest is still let alone."""
    inbox = inbox_of("a", "b", "c", alone_seconds=0)
    inbox.take()
    inbox.take()
    inbox._alone_seconds = 1e6
    inbox.over("a")
    third = taking(inbox)
    third.join(0.05)
    assert third.taken == []
    inbox.over("b")
    assert third.has() == ["c"]


def test_a_thread_that_is_told_to_end_keeps_nobody(taking):
    """None is for one thread; the next in line may go on at once."""
    inbox = inbox_of(None, "a")
    assert inbox.take() is None
    assert taking(inbox).has() == ["a"]
