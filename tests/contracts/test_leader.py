"""What a named lease promises, on every database."""

import threading

import pytest

from luggage.jobs import Leadership

SECONDS = 20.0


@pytest.fixture
def leadership(engine, clock):
    return Leadership(engine, clock)


def test_the_first_who_asks_holds_it(leadership):
    """One holder has a name, and another has not."""
    got = [leadership.holds("sweep", who, seconds=SECONDS) for who in ("a", "b", "a")]
    assert got == [True, False, True]


def test_names_do_not_know_of_each_other(leadership):
    """Each name may have a holder of its own."""
    assert leadership.holds("sweep", "a", seconds=SECONDS)
    assert leadership.holds("recover", "b", seconds=SECONDS)


def test_another_gets_it_when_it_has_run_out(leadership, clock):
    """A holder that is heard of no more is replaced, and then refused."""
    leadership.holds("sweep", "a", seconds=SECONDS)
    clock.advance(SECONDS)
    assert leadership.holds("sweep", "b", seconds=SECONDS)
    assert not leadership.holds("sweep", "a", seconds=SECONDS)


def test_a_holder_that_renews_keeps_it(leadership, clock):
    """Nobody is replaced who asks in time."""
    for _ in range(10):
        assert leadership.holds("sweep", "a", seconds=SECONDS)
        clock.advance(SECONDS - 1)
        assert not leadership.holds("sweep", "b", seconds=SECONDS)


def test_one_who_was_late_keeps_it_if_nobody_wanted_it(leadership, clock):
    """A lease that ran out is renewed by its holder while no other has taken it."""
    leadership.holds("sweep", "a", seconds=SECONDS)
    clock.advance(10 * SECONDS)
    assert leadership.holds("sweep", "a", seconds=SECONDS)


def test_it_can_be_given_up(leadership):
    """Whoever ends in order lets another begin at once; it cannot give up what is not its own."""
    leadership.holds("sweep", "a", seconds=SECONDS)
    leadership.release("sweep", "b")
    still = leadership.holds("sweep", "b", seconds=SECONDS)
    leadership.release("sweep", "a")
    assert (still, leadership.holds("sweep", "b", seconds=SECONDS)) == (False, True)


def test_a_holder_whose_clock_was_ahead_is_replaced_in_time(engine, clock):
    """Its lease seems to last for long; but a term that does not grow is nobody's."""
    Leadership(engine, lambda: clock() + 600).holds("sweep", "ahead", seconds=SECONDS)
    ours = Leadership(engine, clock)
    first = ours.holds("sweep", "b", seconds=SECONDS)
    clock.advance(SECONDS)
    assert (first, ours.holds("sweep", "b", seconds=SECONDS)) == (False, True)


def test_a_holder_whose_clock_is_ahead_is_left_alone_while_it_renews(engine, clock):
    """Two clocks that differ do not make two holders take the name from each other for ever."""
    ahead, ours = Leadership(engine, lambda: clock() + 600), Leadership(engine, clock)
    for _ in range(10):
        assert ahead.holds("sweep", "ahead", seconds=SECONDS)
        assert not ours.holds("sweep", "b", seconds=SECONDS)
        clock.advance(5)


def test_a_clock_that_is_put_back_begins_to_watch_anew(leadership, clock):
    """What was seen in a future that is no more counts for nothing."""
    leadership.holds("sweep", "a", seconds=SECONDS)
    leadership.holds("sweep", "b", seconds=SECONDS)
    clock.advance(-600)
    assert not leadership.holds("sweep", "b", seconds=SECONDS)
    clock.advance(SECONDS)
    assert leadership.holds("sweep", "b", seconds=SECONDS)


def test_of_many_who_ask_at_once_one_gets_it(engine, clock):
    """The database decides, also for the very first and for one that ran out."""
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
