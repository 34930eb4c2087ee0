"""The queue's puts and claims, on every database."""

import threading

import pytest
from sqlalchemy import select, text

from luggage.database import open_engine, writing
from luggage.jobs import (
    NewJob,
    Put,
    Queue,
    State,
)
from luggage.jobs.queue import APART_SECONDS
from luggage.jobs.schema import job_body
from tests.support import ends
from tests.support.jobs import LEASE, claimed_keys, finish

# Put


def test_a_put_job_is_ready_with_its_values(queue, clock):
    """Every value of a new job can be read back."""
    put = queue.put(
        NewJob(
            queue="mail", key="k", subject="s", kind="push", body=b"b", run_at=7.0, max_attempts=3
        )
    )
    row = queue.get(put.id)
    assert (row.queue, row.key, row.subject, row.kind) == ("mail", "k", "s", "push")
    assert (row.state, row.run_at, row.attempt, row.max_attempts) == (State.READY, 7.0, 0, 3)
    assert (row.created_at, row.changed_at) == (clock(), clock())
    assert queue.body(put.id) == b"b"


def test_a_second_put_changes_nothing(queue, put):
    """A put of a known key returns the first job's id and leaves the job as it is."""
    first = put("k", body=b"first", kind="a")
    second = queue.put(NewJob(queue="mail", key="k", body=b"second", run_at=0.0, kind="b"))
    assert second == Put(first, created=False)
    assert (queue.get(first).kind, queue.body(first)) == ("a", b"first")


@pytest.mark.parametrize("way", ["done", "ignore", "bury"])
def test_a_finished_key_is_known_for_ever(queue, put, claim, way):
    """A put of a key whose job is done, ignored or dead does not revive it."""
    put("k")
    finish(queue, claim(), way)
    put("k")
    assert claim() is None


def test_a_key_belongs_to_its_queue(queue, put):
    """Two queues may each have a job with the same key."""
    assert put("k") != put("k", queue="other")


@pytest.mark.parametrize("body", [b"", b"x", b"x" * 100_000, bytes(range(256)) * 9])
def test_a_body_comes_back_as_it_was(put, claim, body):
    """Any bytes, short or long, come back from a claim unchanged."""
    put("k", body=body)
    assert claim().body == body


def test_a_large_body_is_stored_small(engine, put):
    """A body that compresses well takes little room in the database."""
    put("k", body=b'{"number": 1}' * 10_000)
    with engine.connect() as connection:
        assert len(connection.execute(select(job_body.c.body)).scalar()) < 1000


def test_many_are_put_at_once(queue, clock):
    """A put takes any number of jobs, in order, beyond a statement's limit of parameters."""
    jobs = [NewJob(queue="mail", key=f"k{n}", body=b"", run_at=clock()) for n in range(4100)]
    puts = queue.put_all(jobs)
    assert all(put.created for put in puts)
    assert [put.id for put in puts] == sorted(put.id for put in puts)


def test_a_put_within_a_transaction_goes_with_it(engine, queue, clock):
    """A rollback of the caller's transaction undoes its puts."""

    def fail():
        with writing(engine) as connection:
            queue.put_on(connection, [NewJob(queue="mail", key="k", body=b"", run_at=clock())])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert queue.find("mail", "k") is None


def test_text_is_kept_whatever_it_says(queue, put, claim):
    """An error message with a NUL or a lone surrogate does not stop its job."""
    put("k")
    ends.bury(queue, claim(), "bad \x00 and \ud800")
    assert "bad" in queue.find("mail", "k").reason


def test_a_reason_has_an_end(queue, put, claim):
    """A long error message is cut, so that the job's row stays narrow."""
    put("k")
    ends.bury(queue, claim(), "x" * 100_000)
    assert len(queue.find("mail", "k").reason) == 2000


# Claim


def test_an_empty_queue_has_nothing_to_claim(claim):
    """A claim on an empty queue returns an empty list."""
    assert claim() is None


def test_a_claim_counts_the_attempt_and_the_lease(queue, put, claim, clock):
    """The first claim is attempt 1, and its lease ends after the given time."""
    put("k")
    job = claim()
    row = queue.get(job.id)
    assert (job.attempt, job.lease_until) == (1, clock() + LEASE)
    assert (row.state, row.attempt, row.worker) == (State.LEASED, 1, "w")


def test_a_job_is_claimed_once(put, claim):
    """No other claim gets a leased job."""
    put("k")
    assert [claim() is None, claim() is None] == [False, True]


def test_a_job_is_not_claimed_before_its_time(put, claim, clock):
    """A job cannot be claimed before its `run_at`."""
    put("k", run_at=clock() + 10)
    early = claim()
    clock.advance(10)
    assert (early, claim().key) == (None, "k")


def test_jobs_are_ordered_by_due_time(queue, put, clock):
    """A queue is ordered by due time, then by put."""
    put("late", run_at=clock() - 1)
    put("early", run_at=clock() - 2)
    put("late too", run_at=clock() - 1)
    assert claimed_keys(queue) == ["early", "late", "late too"]


def test_a_claim_takes_no_more_than_it_asked_for(queue, put):
    """The limit holds across queues too."""
    for key in "abc":
        put(key)
        put(key, queue="other")
    jobs = queue.claim(["mail", "other"], worker="w", lease_seconds=LEASE, limit=4)
    assert [(job.queue, job.key) for job in jobs] == [
        ("mail", "a"),
        ("mail", "b"),
        ("mail", "c"),
        ("other", "a"),
    ]


def test_a_queue_that_was_not_asked_for_is_left_alone(put, claim):
    """A claim searches only the queues that it names."""
    put("k", queue="other")
    assert claim() is None


def test_one_at_a_time_for_each_subject(queue, put):
    """The oldest job of a subject is claimed; jobs without a subject do not wait."""
    put("a1", subject="a")
    put("a2", subject="a")
    put("b1", subject="b")
    put("n1")
    put("n2")
    assert claimed_keys(queue) == ["a1", "b1", "n1", "n2"]


def test_the_next_of_a_subject_follows_the_first(queue, put, claim):
    """When a subject's oldest job is done, the next one may start."""
    put("a1", subject="a")
    put("a2", subject="a")
    ends.done(queue, claim())
    assert claim().key == "a2"


def test_subjects_of_two_queues_are_not_the_same(put, queue):
    """The same subject in another queue is independent."""
    put("k", subject="a")
    put("k", subject="a", queue="other")
    assert len(queue.claim(["mail", "other"], worker="w", lease_seconds=LEASE, limit=9)) == 2


def test_an_older_job_that_waits_for_its_retry_blocks_the_younger(queue, put, claim, clock):
    """A subject keeps its order while its oldest job waits for a retry."""
    put("a1", subject="a")
    put("a2", subject="a")
    ends.retry(queue, claim(), error="failed", run_at=clock() + 100)
    blocked = claim()
    clock.advance(100)
    assert (blocked, claim().key) == (None, "a1")


def test_a_younger_job_that_is_due_earlier_still_waits(queue, put, claim, clock):
    """Within a subject the order of puts counts, not the due time."""
    put("a1", subject="a", run_at=clock() + 10)
    put("a2", subject="a", run_at=clock())
    assert claim() is None


@pytest.mark.parametrize("way", ["ignore", "bury"])
def test_a_dead_or_ignored_job_does_not_block_its_subject(queue, put, claim, way):
    """A dead or ignored job does not block its subject."""
    put("a1", subject="a")
    put("a2", subject="a")
    finish(queue, claim(), way)
    assert claim().key == "a2"


def test_a_held_job_does_not_block_its_subject(queue, put, claim):
    """A job that waits for a dead one does not block its subject."""
    put("a0", subject="b")
    ends.bury(queue, claim(), "hopeless")
    put("a1", subject="a", after="a0")
    put("a2", subject="a")
    assert claim().key == "a2"


def test_a_revived_job_waits_for_the_younger_that_is_running(queue, put, claim):
    """A revived older job starts after the running one."""
    old = put("a1", subject="a")
    put("a2", subject="a")
    ends.bury(queue, claim(), "hopeless")
    running = claim()
    queue.revive(old)
    second = claim()
    ends.done(queue, running)
    assert (second, claim().key) == (None, "a1")


def test_the_database_itself_refuses_two_of_a_subject(engine, put, claim):
    """A unique index enforces one leased job for each subject."""
    put("a1", subject="a")
    put("a2", subject="a")
    claim()
    with pytest.raises(Exception, match=r"(?i)unique"), writing(engine) as connection:
        connection.execute(text("UPDATE job SET state = 'leased'"))


def test_concurrent_claims_share_the_jobs(engine, clock):
    """Threads claim each job once, and no subject twice at a time."""
    queue = Queue(engine, clock=clock)
    for number in range(60):
        subject = f"s{number % 20}"
        job = NewJob(queue="mail", key=str(number), subject=subject, body=b"", run_at=0.0)
        queue.put(job)
    done, out, errors = [], [], []

    def work():
        try:
            while len(done) < 60:
                for job in queue.claim(["mail"], worker="w", lease_seconds=LEASE, limit=2):
                    out.append(job.subject)
                    assert out.count(job.subject) == 1
                    out.remove(job.subject)
                    ends.done(queue, job)
                    done.append(job.key)
        except Exception as error:  # noqa: BLE001  # shown by the assertion, in the main thread
            errors.append(error)
            done.extend("x" * 60)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert sorted(done, key=int) == [str(number) for number in range(60)]


# Known keys


def test_the_keys_of_a_queue_are_known(queue, put, claim):
    """`known` returns the keys that have a job in any state."""
    put("done")
    ends.done(queue, claim())
    put("ready")
    put("elsewhere", queue="parcels")
    assert queue.known("mail", ["done", "ready", "elsewhere", "new"]) == {"done", "ready"}
    assert queue.known("mail", []) == set()


def test_a_note_may_be_there_from_the_start(put, claim):
    """A job that is put with a note is claimed with it."""
    put("k", note="look first")
    assert claim().note == "look first"


# Reclaim


def test_a_running_lease_is_not_taken_back(queue, put, claim, clock):
    """A job stays leased until the very end of its lease."""
    put("k")
    claim()
    clock.advance(LEASE)
    assert queue.reclaim() == 0


def test_an_expired_lease_is_taken_back(queue, put, claim, clock):
    """The job of a dead worker is ready again, and its attempt counts."""
    put("k")
    claim()
    clock.advance(LEASE + 1)
    assert queue.reclaim() == 1
    assert claim().attempt == 2


def test_a_job_that_kills_its_workers_ends_dead(queue, put, claim, clock):
    """A job that never returns is dead with a reason after its last attempt."""
    put("k", max_attempts=3)
    claims = 0
    while claim():
        claims += 1
        clock.advance(LEASE + 1)
        queue.reclaim()
    row = queue.find("mail", "k")
    assert (claims, row.state) == (3, State.DEAD)
    assert "the worker was lost" in row.reason


def test_poison_does_not_fail_its_neighbours(queue, put, clock):
    """Jobs whose leases expired together become ready one after the other."""
    for key in ("first", "poison", "third"):
        put(key)
    how = {"worker": "w", "lease_seconds": LEASE, "limit": 3}
    queue.claim(["mail"], **how)
    clock.advance(LEASE + 1)
    queue.reclaim()
    alone = []
    for _ in range(3):
        alone.append([job.key for job in queue.claim(["mail"], **how)])
        clock.advance(APART_SECONDS)
    assert alone == [["first"], ["poison"], ["third"]]


def test_reclaiming_is_safe_to_repeat(queue, put, claim, clock):
    """A second reclaim takes nothing."""
    put("k")
    claim()
    clock.advance(LEASE + 1)
    assert [queue.reclaim(), queue.reclaim()] == [1, 0]


class Colliding(Queue):
    """A queue whose first claims collide with another one on a subject."""

    collisions = 0

    def _claim(self, claims, *asked):
        if self.collisions:
            self.collisions -= 1
            claims.connection.execute(text("UPDATE job SET state = 'leased'"))
        return super()._claim(claims, *asked)


@pytest.mark.parametrize(("collisions", "expected"), [(2, ["a1"]), (3, [])])
def test_a_colliding_claim_is_repeated(engine, clock, put, collisions, expected):
    """A claim that the index refuses is repeated; after some tries it returns nothing."""
    queue = Colliding(engine, clock=clock)
    queue.collisions = collisions
    put("a1", subject="a")
    put("a2", subject="a")
    assert claimed_keys(queue) == expected


def test_a_queue_shows_no_password(clock):
    """A queue's repr may be logged."""
    engine = open_engine("postgresql://bot:geheim@db.example/bot")
    assert "geheim" not in repr(Queue(engine, clock=clock))
