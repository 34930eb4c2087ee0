"""Dependent jobs of the queue, on every database."""

import threading

import pytest

from luggage.database import writing
from luggage.jobs import (
    NewJob,
    State,
    UnknownJob,
)
from tests.support import ends
from tests.support.jobs import LEASE

# Dependents


def test_a_dependent_is_held_until_the_first_is_done(queue, put, claim):
    """A dependent job is not claimed before its job is done."""
    put("first")
    put("second", after="first")
    first = claim()
    held = queue.find("mail", "second")
    nothing = claim()
    ends.done(queue, first)
    assert (held.state, held.reason, held.after) == (State.HELD, "waits for first", first.id)
    assert (nothing, claim().key) == (None, "second")


def test_a_dependent_of_a_done_job_is_ready_at_once(queue, put, claim):
    """It has nothing to wait for."""
    put("first")
    ends.done(queue, claim())
    put("second", after="first")
    assert claim().key == "second"


def test_a_dependent_of_a_dead_job_stays_held(queue, put, claim):
    """Its reason says that the first job is dead."""
    put("first")
    put("second", after="first")
    ends.bury(queue, claim(), "hopeless")
    row = queue.find("mail", "second")
    assert (row.state, row.reason) == (State.HELD, "waits for first, which is dead")


def test_a_dependent_put_after_the_death_is_held_too(queue, put, claim):
    """Its reason is the same as for one put before."""
    put("first")
    ends.bury(queue, claim(), "hopeless")
    put("second", after="first")
    assert queue.find("mail", "second").reason == "waits for first, which is dead"


def test_a_dependent_is_released_when_the_dead_job_is_revived_and_done(queue, put, claim):
    """A revived job that is done releases its dependent."""
    first = put("first")
    put("second", after="first")
    ends.bury(queue, claim(), "hopeless")
    queue.revive(first)
    assert queue.find("mail", "second").reason == "waits for first"
    ends.done(queue, claim())
    assert claim().key == "second"


def test_a_death_by_lost_leases_reaches_the_dependent(queue, put, claim, clock):
    """Its reason says that the first job is dead."""
    put("first", max_attempts=1)
    put("second", after="first")
    claim()
    clock.advance(LEASE + 1)
    queue.reclaim()
    assert queue.find("mail", "second").reason == "waits for first, which is dead"


def test_the_dependents_of_an_ignored_job_are_ignored(queue, put, claim):
    """The whole chain is ignored."""
    put("first")
    put("second", after="first")
    put("third", after="second")
    ends.ignore(queue, claim(), "unwanted")
    put("late", after="first")
    rows = [queue.find("mail", key) for key in ("second", "third", "late")]
    assert [row.state for row in rows] == [State.IGNORED] * 3
    assert rows[1].reason == "second, which it waited for, was ignored"


def test_a_chain_is_released_one_by_one(queue, put, claim):
    """Each job of a chain releases the next one."""
    put("first", subject="s")
    put("second", subject="s", after="first")
    put("third", subject="s", after="second")
    order = []
    while job := claim():
        order.append(job.key)
        ends.done(queue, job)
    assert order == ["first", "second", "third"]


def test_a_dependent_of_an_unknown_job_is_refused(put):
    """It would wait for ever."""
    with pytest.raises(UnknownJob, match="second depends on first"):
        put("second", after="first")


def test_a_dependent_put_during_the_end_of_its_job_is_released(engine, queue, put, claim, clock):
    """A put that overlaps with the end of the first job is not forgotten."""
    put("first")
    first = claim()
    with writing(engine) as connection:
        second = NewJob(queue="mail", key="second", body=b"", run_at=clock(), after="first")
        queue.put_on(connection, [second])
        finisher = threading.Thread(target=ends.done, args=[queue, first])
        finisher.start()
        finisher.join(0.3)
        assert finisher.is_alive()
    finisher.join(10)
    assert claim().key == "second"
