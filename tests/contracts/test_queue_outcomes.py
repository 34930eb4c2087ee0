"""Leases, notes and results of the queue, on every database."""

import pytest

from luggage.jobs import (
    LeaseLost,
    NewJob,
    Queue,
    State,
    UnknownJob,
)
from tests.support import ends
from tests.support.jobs import LEASE, WAYS, finish

# While leased


def test_a_lease_can_be_extended(queue, put, claim, clock):
    """A worker keeps its job past the first lease."""
    put("k")
    job = claim()
    clock.advance(50)
    extended = queue.extend(job, LEASE)
    clock.advance(50)
    assert (queue.reclaim(), extended.lease_until) == (0, clock() + 10)


def test_a_note_outlives_its_holder(queue, put, claim, clock):
    """The next holder reads the note of a dead one."""
    put("k")
    assert queue.note(claim(), "sending").note == "sending"
    clock.advance(LEASE + 1)
    queue.reclaim()
    assert claim().note == "sending"


@pytest.mark.parametrize("way", WAYS)
def test_a_holder_whose_job_was_reclaimed_is_refused(queue, put, claim, clock, way):
    """Nothing that it does changes the job."""
    put("k")
    late = claim()
    clock.advance(LEASE + 1)
    queue.reclaim()
    before = queue.get(late.id)
    with pytest.raises(LeaseLost, match=r"job \d+ \(mail k\) is no longer held by claim 1"):
        finish(queue, late, way)
    assert queue.get(late.id) == before


@pytest.mark.parametrize("way", WAYS)
def test_a_holder_is_fenced_off_by_the_next(queue, put, claim, clock, way):
    """A worker that lost its lease cannot change the job."""
    put("k")
    late = claim()
    clock.advance(LEASE + 1)
    queue.reclaim()
    present = claim()
    with pytest.raises(LeaseLost):
        finish(queue, late, way)
    ends.done(queue, present)
    assert queue.get(late.id).state is State.DONE


@pytest.mark.parametrize("way", ["done", "ignore", "retry", "postpone", "bury", "give_back"])
def test_an_end_is_recorded_once(queue, put, claim, way):
    """Finishing a claim a second time is refused."""
    put("k")
    job = claim()
    finish(queue, job, way)
    with pytest.raises(LeaseLost):
        finish(queue, job, way)


def test_a_late_end_counts_until_the_job_is_reclaimed(queue, put, claim, clock):
    """An expired lease that was not reclaimed still holds."""
    put("k")
    job = claim()
    clock.advance(LEASE * 10)
    ends.done(queue, job)
    assert queue.get(job.id).state is State.DONE


# Finish


def test_done_records_the_result(queue, put, claim, clock):
    """A finished job has its result and its time."""
    put("k")
    job = claim()
    clock.advance(3)
    ends.done(queue, job, result="sent")
    row = queue.get(job.id)
    assert (row.state, row.result, row.changed_at) == (State.DONE, "sent", clock())
    assert row.lease_until is None


def test_done_puts_further_jobs(queue, put, claim, clock):
    """They are in the queue once the job is done, and have it as parent."""
    put("k")
    job = claim()
    ends.done(
        queue,
        job,
        put=[NewJob(queue="mail", key="next", body=b"n", run_at=clock(), parent=job.id)],
    )
    assert claim().key == "next"
    assert [child.key for child in queue.children(job.id)] == ["next"]


def test_done_is_all_or_nothing(queue, put, claim):
    """If one of the further jobs cannot be put, the job is not done and none is put."""
    put("k")
    job = claim()
    good = NewJob(queue="mail", key="good", body=b"", run_at=0.0)
    bad = NewJob(queue="mail", key="bad", body=b"", run_at=0.0, after="unheard of")
    with pytest.raises(UnknownJob, match="unheard of"):
        ends.done(queue, job, put=[good, bad])
    assert queue.find("mail", "good") is None
    assert queue.get(job.id).state is State.LEASED


def test_done_fenced_off_puts_nothing(queue, put, claim, clock):
    """Jobs that a worker queues after it lost its lease are refused too."""
    put("k")
    late = claim()
    clock.advance(LEASE + 1)
    queue.reclaim()
    with pytest.raises(LeaseLost):
        ends.done(queue, late, put=[NewJob(queue="mail", key="next", body=b"", run_at=0.0)])
    assert queue.find("mail", "next") is None


def test_ignored_jobs_say_why(queue, put, claim):
    """An ignored job has a reason."""
    put("k")
    job = claim()
    ends.ignore(queue, job, "no rule")
    row = queue.get(job.id)
    assert (row.state, row.reason) == (State.IGNORED, "no rule")


def test_a_retry_is_the_next_attempt(queue, put, claim, clock):
    """A failed job is ready at its time, with its error, and the attempt counts."""
    put("k")
    assert ends.retry(queue, claim(), error="failed", run_at=clock() + 5) is State.READY
    clock.advance(5)
    job = claim()
    assert (job.attempt, queue.get(job.id).reason) == (2, "failed")


def test_attempts_have_an_end(queue, put, claim):
    """A job whose attempts are spent is dead."""
    put("k", max_attempts=2)
    ends.retry(queue, claim(), error="first", run_at=0.0)
    assert ends.retry(queue, claim(), error="second", run_at=0.0) is State.DEAD
    assert (claim(), queue.find("mail", "k").reason) == (None, "second")


def test_a_postponed_attempt_does_not_count(queue, put, claim, clock):
    """A job keeps all its attempts, however often it is postponed."""
    put("k", max_attempts=1)
    for _ in range(3):
        ends.postpone(queue, claim(), reason="limit", run_at=clock() + 5)
        assert claim() is None
        clock.advance(5)
    assert claim().attempt == 1


def test_a_job_that_is_given_back_is_ready_at_once(queue, put, claim):
    """It is as if it had never been claimed."""
    put("k")
    queue.give_back(claim())
    assert claim().attempt == 1


def test_a_buried_job_stays_dead(queue, put, claim, clock):
    """A job that can never succeed is not retried."""
    put("k")
    ends.bury(queue, claim(), "hopeless")
    clock.advance(1e6)
    assert (claim(), queue.find("mail", "k").state) == (None, State.DEAD)


# Wake-ups

NEXT = NewJob(queue="mail", key="next", body=b"", run_at=0.0)


@pytest.fixture
def woken(engine, clock):
    """A queue, and a list that each wake-up appends to."""
    calls = []
    return Queue(engine, clock=clock, wake=lambda: calls.append(1)), calls


def test_a_new_job_wakes(woken):
    """A put wakes the loops after its commit; a repeated put does not."""
    queue, calls = woken
    for _ in range(2):
        queue.put(NewJob(queue="mail", key="k", body=b"", run_at=0.0))
    assert calls == [1]


@pytest.mark.parametrize(
    ("end", "wakes"),
    [
        (ends.done, 0),
        (lambda queue, job: ends.done(queue, job, put=[NEXT]), 1),
        (lambda queue, job: queue.give_back(job), 1),
        (lambda queue, job: (ends.bury(queue, job, "x"), queue.revive(job.id)), 1),
    ],
)
def test_ends_wake_when_they_make_work(woken, end, wakes):
    """Only an end that makes another job claimable wakes the loops."""
    queue, calls = woken
    queue.put(NewJob(queue="mail", key="k", body=b"", run_at=0.0))
    [job] = queue.claim(["mail"], worker="w", lease_seconds=LEASE)
    calls.clear()
    end(queue, job)
    assert len(calls) == wakes


def test_a_job_taken_back_wakes(woken, clock):
    """Reclaiming a dead worker's job wakes the loops."""
    queue, calls = woken
    queue.put(NewJob(queue="mail", key="k", body=b"", run_at=0.0))
    queue.claim(["mail"], worker="w", lease_seconds=LEASE)
    clock.advance(LEASE + 1)
    calls.clear()
    queue.reclaim()
    assert calls == [1]
