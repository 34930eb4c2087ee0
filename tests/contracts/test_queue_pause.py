"""What the queue promises while it is paused, on every database."""

import pytest

from luggage.jobs import Queue, State
from tests.support.jobs import finish


def test_nothing_is_claimed_while_paused(queue, put, claim):
    """A job that is due stays where it is, and comes out when the pause is over."""
    put("k")
    queue.pause()
    while_paused = claim()
    queue.resume()
    assert (while_paused, claim().key) == (None, "k")


def test_jobs_are_put_while_paused(queue, put):
    """A pause refuses nobody who brings something."""
    queue.pause()
    assert queue.get(put("k")).state is State.READY


def test_a_pause_is_everybodys(queue, engine, put, clock):
    """Whoever claims from the same database obeys, whichever process paused it."""
    put("k")
    Queue(engine, clock=clock).pause()
    assert queue.claim(["mail"], worker="w", lease_seconds=60.0) == []


def test_a_paused_queue_is_no_reason_to_wake_up(queue, put):
    """A worker sleeps through a pause instead of asking again and again."""
    put("k")
    queue.pause()
    assert queue.next_run_at(["mail"]) is None


@pytest.mark.parametrize("way", ["done", "retry", "note", "extend"])
def test_what_was_claimed_before_is_finished(queue, put, claim, way):
    """A pause takes nothing out of anybody's hands."""
    put("k")
    job = claim()
    queue.pause()
    finish(queue, job, way)


def test_resuming_wakes_the_workers(engine, clock):
    """The end of a pause is told like a new job."""
    woken = []
    queue = Queue(engine, clock=clock, wake=lambda: woken.append(1))
    queue.pause()
    queue.resume()
    assert woken == [1]


def test_pausing_and_resuming_can_be_repeated(queue, clock):
    """Each says whether it changed anything; the time of the first pause is kept."""
    first_at = clock()
    pauses = [queue.pause()]
    clock.advance(5)
    pauses.append(queue.pause())
    since = queue.paused_at()
    resumes = [queue.resume(), queue.resume()]
    assert (pauses, since, resumes) == ([True, False], first_at, [True, False])
    assert queue.paused_at() is None


def test_the_standing_tells_of_a_pause(queue):
    """A page can say that nothing happens because somebody wanted it so."""
    before = queue.standing().paused
    queue.pause()
    assert (before, queue.standing().paused) == (False, True)
