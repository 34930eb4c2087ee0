"""Revival, counts, listings and expiry of the queue, on every database."""

import pytest

from luggage.jobs import (
    JobsError,
    LeaseLost,
    NewJob,
    Standing,
    State,
    UnknownJob,
    WrongState,
)
from tests.support import ends
from tests.support.jobs import finish

# Operators' decisions


@pytest.mark.parametrize("way", ["ignore", "bury"])
def test_a_dead_or_ignored_job_can_be_revived(queue, put, claim, way):
    """It has all its attempts again."""
    job_id = put("k", max_attempts=1)
    finish(queue, claim(), way)
    queue.revive(job_id)
    row = queue.get(job_id)
    assert (row.state, row.reason, claim().attempt) == (State.READY, "", 1)


def test_a_revived_job_is_fenced_from_its_past(queue, put, claim):
    """A holder from before the death cannot change the revived job."""
    job_id = put("k")
    late = claim()
    ends.bury(queue, late, "hopeless")
    queue.revive(job_id)
    claim()
    with pytest.raises(LeaseLost):
        ends.done(queue, late)


def test_reviving_twice_is_reviving_once(queue, put, claim):
    """A ready job stays as it is."""
    job_id = put("k")
    ends.bury(queue, claim(), "hopeless")
    queue.revive(job_id)
    row = queue.get(job_id)
    queue.revive(job_id)
    assert queue.get(job_id) == row


def test_a_row_that_is_out_of_date_revives_nothing(queue, put, claim):
    """A worker that was faster keeps the job."""
    job_id = put("k")
    ends.bury(queue, claim(), "hopeless")
    row = queue.get(job_id)
    queue.revive(row)
    job = claim()
    with pytest.raises(WrongState, match="is no longer dead"):
        queue.revive(row)
    queue.extend(job, 60.0)


def test_a_dead_job_is_renewed_with_another_body(queue, put, claim, clock):
    """An order that is given again runs with its own words, and with all attempts."""
    job_id = put("k", body=b"old", max_attempts=1)
    ends.bury(queue, claim(), "refused")
    queue.renew(NewJob(queue="mail", key="k", body=b"new", run_at=clock()))
    again = claim()
    assert (again.id, again.body, again.attempt) == (job_id, b"new", 1)


@pytest.mark.parametrize("way", ["wait", "run", "ignore", "done"])
def test_only_a_dead_job_is_renewed(queue, put, claim, clock, way):
    """A job in another state keeps its body, and an unknown key stays unknown."""
    job_id = put("k", body=b"old")
    job = None if way == "wait" else claim()
    if way in {"ignore", "done"}:
        finish(queue, job, way)
    before = queue.get(job_id)
    for key in ("k", "unknown"):
        queue.renew(NewJob(queue="mail", key=key, body=b"new", run_at=clock()))
    assert (queue.get(job_id), queue.body(job_id)) == (before, b"old")
    assert queue.find("mail", "unknown") is None


def test_a_leased_or_done_job_cannot_be_revived(queue, put, claim):
    """Only jobs that ended without success can."""
    job_id = put("k")
    job = claim()
    with pytest.raises(WrongState, match="is leased"):
        queue.revive(job_id)
    ends.done(queue, job)
    with pytest.raises(WrongState, match="is done"):
        queue.revive(job_id)


def test_a_job_without_a_body_cannot_be_revived(queue, put, claim, clock):
    """An ignored job whose body has expired has nothing to run on."""
    job_id = put("k")
    ends.ignore(queue, claim(), "unwanted")
    queue.expire_bodies(clock() + 1)
    with pytest.raises(WrongState, match="expired"):
        queue.revive(job_id)


def test_a_missing_job(queue):
    """It can be neither revived nor dismissed, and a search finds nothing."""
    for call in (queue.revive, lambda job_id: queue.dismiss(job_id, "why")):
        with pytest.raises(UnknownJob, match="job 4711 does not exist"):
            call(4711)
    assert (queue.get(4711), queue.find("mail", "k"), queue.body(4711)) == (None, None, None)


def test_the_errors_have_one_root():
    """One except clause catches all refusals of the queue."""
    assert all(issubclass(error, JobsError) for error in (LeaseLost, UnknownJob, WrongState))


# Listings


def test_the_next_time_is_that_of_the_first_due(queue, put, clock):
    """An idle loop learns how long it may sleep."""
    put("b", run_at=clock() + 20)
    put("a", run_at=clock() + 10, queue="other")
    assert queue.next_run_at(["mail", "other"]) == clock() + 10
    assert queue.next_run_at(["mail"]) == clock() + 20
    assert queue.next_run_at(["nowhere"]) is None


def test_the_next_time_is_not_that_of_a_blocked_job(queue, put, claim, clock):
    """A job that waits for its subject does not wake the loop."""
    put("a1", subject="a", run_at=clock() + 50)
    put("a2", subject="a", run_at=clock() + 10)
    put("b1", subject="b")
    put("b2", subject="b")
    claim()
    assert queue.next_run_at(["mail"]) == clock() + 50


def test_jobs_are_counted_by_queue_and_state(queue, put, claim):
    """Each state of each queue has its number."""
    for way in ("done", "ignore", "bury"):
        put(way)
        finish(queue, claim(), way)
    put("leased")
    claim()
    put("held", after="leased")
    put("ready")
    put("elsewhere", queue="other")
    assert queue.counts() == {
        **{("mail", state): 1 for state in State},
        ("other", State.READY): 1,
    }


def test_the_standing_is_what_needs_time_or_a_person(queue, put, claim):
    """It counts waiting, retrying and dead jobs, but no finished ones."""
    put("done")
    ends.done(queue, claim())
    put("dead")
    ends.bury(queue, claim(), "hopeless")
    put("failed")
    ends.retry(queue, claim(), error="failed", run_at=1e12)
    put("leased")
    claim()
    put("ready")
    assert queue.standing() == Standing(waiting=3, retrying=1, dead=1)


def test_recent_jobs_come_newest_first_in_pages(queue, put):
    """A page has the newest jobs; the next one goes on from there."""
    for number in range(5):
        put(f"k{number}")
    first = queue.search("mail", limit=2)
    second = queue.search("mail", limit=2, before=first[-1].id)
    assert [row.key for row in first + second] == ["k4", "k3", "k2", "k1"]


@pytest.mark.parametrize("by", [{"state": State.DEAD}, {"within": "s"}, {"kind": "push"}])
def test_recent_jobs_can_be_searched(queue, put, claim, by):
    """Jobs are found by state, by subject and by kind."""
    put("wanted", subject="s", kind="push")
    ends.bury(queue, claim(), "hopeless")
    put("other", subject="t", kind="star")
    put("elsewhere", queue="other", subject="s", kind="push")
    assert [row.key for row in queue.search("mail", **by)] == ["wanted"]


# Housekeeping


def test_bodies_of_finished_jobs_expire(queue, put, claim, clock):
    """The bodies of old done and ignored jobs are deleted, the jobs stay."""
    for way in ("done", "ignore"):
        put(way)
        finish(queue, claim(), way)
    clock.advance(100)
    assert queue.expire_bodies(older_than=clock()) == 2
    assert queue.find("mail", "done").state is State.DONE
    assert queue.body(queue.find("mail", "done").id) is None


def test_bodies_that_may_be_needed_stay(queue, put, claim, clock):
    """A dead, held, leased or ready job keeps its body, however old."""
    put("dead")
    ends.bury(queue, claim(), "hopeless")
    put("leased")
    claim()
    put("held", after="leased")
    put("ready")
    clock.advance(1e9)
    assert queue.expire_bodies(older_than=clock()) == 0


def test_young_bodies_stay(queue, put, claim, clock):
    """A body expires by the age of its job."""
    put("k")
    ends.done(queue, claim())
    assert queue.expire_bodies(older_than=clock()) == 0


def test_many_bodies_expire_in_small_steps(queue, put, claim, clock, monkeypatch):
    """They go in several transactions, which skip unfinished jobs."""
    monkeypatch.setattr("luggage.jobs.queue._EXPIRE_BATCH", 2)
    for number in range(5):
        put(f"k{number}")
        finish(queue, claim(), "bury" if number == 2 else "done")
    assert queue.expire_bodies(older_than=clock() + 1) == 4
