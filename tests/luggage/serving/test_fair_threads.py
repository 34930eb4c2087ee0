"""luggage.serving.fair_threads: clients take turns."""

import threading

import pytest

from luggage.serving.fair_threads import FairThreads

TIMEOUT_SECONDS = 30


@pytest.fixture
def gate():
    """An event that all blocked calls wait for; set at the end."""
    event = threading.Event()
    yield event
    event.set()


def test_a_call_is_answered():
    """The future has the result, or the error."""
    threads = FairThreads(1, most_waiting=10)
    assert threads.submit("a", lambda: 1).result(TIMEOUT_SECONDS) == 1
    with pytest.raises(ZeroDivisionError):
        threads.submit("a", lambda: 1 / 0).result(TIMEOUT_SECONDS)


def test_one_client_cannot_hold_all_threads(gate):
    """While one client's calls block, another's are answered."""
    threads = FairThreads(4, most_waiting=100)
    slow = [threads.submit("stranger", gate.wait) for _ in range(40)]
    for _ in range(20):
        assert threads.submit("owner", lambda: "in").result(TIMEOUT_SECONDS) == "in"
    assert not any(each.done() for each in slow)


def test_clients_take_turns(gate):
    """A client with one call does not wait for the whole queue of another."""
    threads, done = FairThreads(1, most_waiting=100), []
    first = threads.submit("stranger", gate.wait)
    calls = [threads.submit("stranger", lambda: done.append("stranger")) for _ in range(9)]
    calls.append(threads.submit("owner", lambda: done.append("owner")))
    gate.set()
    for each in (first, *calls):
        each.result(TIMEOUT_SECONDS)
    assert done.index("owner") <= 1


def test_the_queue_has_limits(gate):
    """One client may fill half of it; the others get the rest."""
    threads = FairThreads(2, most_waiting=4)
    submitted = [threads.submit("a", gate.wait) is not None for _ in range(4)]
    assert submitted == [True, True, True, False]
    submitted = [threads.submit("b", gate.wait) is not None for _ in range(4)]
    assert submitted == [True, True, True, False]
    assert threads.submit("c", gate.wait) is None
