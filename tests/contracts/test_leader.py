"""luggage.jobs.Leadership on every database."""

import threading

import pytest

from luggage.jobs import Leadership

SECONDS = 20.0


@pytest.fixture
def leadership(engine, clock):
    return Leadership(engine, clock)


def test_the_first_holder_gets_the_lease(leadership):
    """The first holder gets the lease, and another does not."""
    got = [leadership.holds("sweep", who, seconds=SECONDS) for who in ("a", "b", "a")]
    assert got == [True, False, True]


def test_names_are_independent(leadership):
    """Each name may have another holder."""
    assert leadership.holds("sweep", "a", seconds=SECONDS)
    assert leadership.holds("recover", "b", seconds=SECONDS)


def test_an_expired_lease_goes_to_another_holder(leadership, clock):
    """The old holder is then refused."""
    leadership.holds("sweep", "a", seconds=SECONDS)
    clock.advance(SECONDS)
    assert leadership.holds("sweep", "b", seconds=SECONDS)
    assert not leadership.holds("sweep", "a", seconds=SECONDS)


def test_a_holder_that_renews_keeps_it(leadership, clock):
    """A holder that renews in time is not replaced."""
    for _ in range(10):
        assert leadership.holds("sweep", "a", seconds=SECONDS)
        clock.advance(SECONDS - 1)
        assert not leadership.holds("sweep", "b", seconds=SECONDS)


def test_an_expired_lease_can_be_renewed(leadership, clock):
    """Its holder may renew it as long as no other has taken it."""
    leadership.holds("sweep", "a", seconds=SECONDS)
    clock.advance(10 * SECONDS)
    assert leadership.holds("sweep", "a", seconds=SECONDS)


def test_a_lease_can_be_released(leadership):
    """Another may take it at once; only the holder can release it."""
    leadership.holds("sweep", "a", seconds=SECONDS)
    leadership.release("sweep", "b")
    still = leadership.holds("sweep", "b", seconds=SECONDS)
    leadership.release("sweep", "a")
    assert (still, leadership.holds("sweep", "b", seconds=SECONDS)) == (False, True)


def test_a_holder_whose_clock_was_ahead_is_replaced_in_time(engine, clock):
    """Its lease seems to last long, but a term that does not grow expires."""
    Leadership(engine, lambda: clock() + 600).holds("sweep", "ahead", seconds=SECONDS)
    ours = Leadership(engine, clock)
    first = ours.holds("sweep", "b", seconds=SECONDS)
    clock.advance(SECONDS)
    assert (first, ours.holds("sweep", "b", seconds=SECONDS)) == (False, True)


def test_a_holder_whose_clock_is_ahead_is_left_alone_while_it_renews(engine, clock):
    """Two clocks that differ do not make two holders alternate."""
    ahead, ours = Leadership(engine, lambda: clock() + 600), Leadership(engine, clock)
    for _ in range(10):
        assert ahead.holds("sweep", "ahead", seconds=SECONDS)
        assert not ours.holds("sweep", "b", seconds=SECONDS)
        clock.advance(5)


def test_a_clock_that_is_set_back_starts_to_watch_again(leadership, clock):
    """What was seen in the future no longer counts."""
    leadership.holds("sweep", "a", seconds=SECONDS)
    leadership.holds("sweep", "b", seconds=SECONDS)
    clock.advance(-600)
    assert not leadership.holds("sweep", "b", seconds=SECONDS)
    clock.advance(SECONDS)
    assert leadership.holds("sweep", "b", seconds=SECONDS)


def test_one_of_many_concurrent_holders_gets_it(engine, clock):
    """The database decides, for a new lease and for an expired one."""
    for _ in range(3):
        assert sum(_asked_at_once(engine, clock, 4)) == 1
        clock.advance(SECONDS)


def _asked_at_once(engine, clock, number):
    ready, got = threading.Barrier(number), [False] * number

    def ask(index):
        leadership = Leadership(engine, clock)
        ready.wait()
        got[index] = leadership.holds("sweep", f"holder {index}", seconds=SECONDS)

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got
