"""What the queue promises to jobs that wait for another job, on every database."""

import threading

import pytest

from luggage.database import writing
from luggage.jobs import (
    NewJob,
    State,
    UnknownJob,
)
from tests.support.jobs import LEASE

# Waiting for another job


def test_a_follower_is_held_until_the_first_is_done(queue, put, claim):
    """A job that waits for another starts when that one is done, not before."""
    put("first")
    put("second", after="first")
    first = claim()
    held = queue.find("mail", "second")
    nothing = claim()
    queue.done(first)
    assert (held.state, held.reason, held.after) == (State.HELD, "waits for first", first.id)
    assert (nothing, claim().key) == (None, "second")


def test_a_follower_of_a_done_job_is_ready_at_once(queue, put, claim):
    """There is nothing to wait for when the first is done already."""
    put("first")
    queue.done(claim())
    put("second", after="first")
    assert claim().key == "second"


def test_a_follower_of_a_dead_job_stays_held_and_says_so(queue, put, claim):
    """When the first ends dead, the second is held and shown, not run."""
    put("first")
    put("second", after="first")
    queue.bury(claim(), "hopeless")
    row = queue.find("mail", "second")
    assert (row.state, row.reason) == (State.HELD, "waits for first, which is dead")


def test_a_follower_put_after_the_death_says_so_too(queue, put, claim):
    """It does not matter whether the first died before or after the second was put."""
    put("first")
    queue.bury(claim(), "hopeless")
    put("second", after="first")
    assert queue.find("mail", "second").reason == "waits for first, which is dead"


def test_a_follower_is_released_when_the_dead_is_revived_and_done(queue, put, claim):
    """A dead first that a person revives takes its follower along when it is done."""
    first = put("first")
    put("second", after="first")
    queue.bury(claim(), "hopeless")
    queue.revive(first)
    assert queue.find("mail", "second").reason == "waits for first"
    queue.done(claim())
    assert claim().key == "second"


def test_a_lost_worker_can_leave_a_dead_first(queue, put, claim, clock):
    """A follower hears of a death by lost leases as of any other."""
    put("first", max_attempts=1)
    put("second", after="first")
    claim()
    clock.advance(LEASE + 1)
    queue.reclaim()
    assert queue.find("mail", "second").reason == "waits for first, which is dead"


def test_the_followers_of_an_ignored_job_are_ignored(queue, put, claim):
    """Where the first was not wanted, nothing that follows from it is, through the whole chain."""
    put("first")
    put("second", after="first")
    put("third", after="second")
    queue.ignore(claim(), "unwanted")
    put("late", after="first")
    rows = [queue.find("mail", key) for key in ("second", "third", "late")]
    assert [row.state for row in rows] == [State.IGNORED] * 3
    assert rows[1].reason == "second, which it waited for, was ignored"


def test_followers_go_one_by_one(queue, put, claim):
    """A chain is released link by link."""
    put("first", subject="s")
    put("second", subject="s", after="first")
    put("third", subject="s", after="second")
    order = []
    while job := claim():
        order.append(job.key)
        queue.done(job)
    assert order == ["first", "second", "third"]


def test_nobody_waits_for_what_was_never_put(put):
    """A follower of an unknown job is refused: it would wait for ever."""
    with pytest.raises(UnknownJob, match="second depends on first"):
        put("second", after="first")


def test_a_first_that_finishes_while_its_follower_is_put_frees_it(engine, queue, put, claim, clock):
    """A follower whose put overlaps with the end of the first is not forgotten."""
    put("first")
    first = claim()
    with writing(engine) as connection:
        second = NewJob(queue="mail", key="second", body=b"", run_at=clock(), after="first")
        queue.put_on(connection, [second])
        finisher = threading.Thread(target=queue.done, args=[first])
        finisher.start()
        finisher.join(0.3)
        assert finisher.is_alive()
    finisher.join(10)
    assert claim().key == "second"
