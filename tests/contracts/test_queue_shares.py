"""Fair shares of the queue, on every database: tenants and people take turns."""

import random

import pytest
from sqlalchemy import text

from luggage.jobs import NewJob, outcomes
from luggage.jobs.claims import Room
from luggage.jobs.fairness import OTHERS_SECONDS
from luggage.jobs.statements import WINDOW
from tests.support.jobs import LEASE


@pytest.fixture
def flood(queue, clock):
    """Put many jobs of one person."""

    def flood(tenant, number, *, person="mallory", tag="", **said):
        values = {"queue": "mail", "body": b"", "run_at": clock(), **said}
        queue.put_all(
            [
                NewJob(key=f"{tenant}{tag}-{each}", tenant=tenant, person=person, **values)
                for each in range(number)
            ]
        )

    return flood


def tenants(queue, limit, **said):
    jobs = queue.claim(["mail"], worker="w", lease_seconds=LEASE, limit=limit, **said)
    return [job.tenant for job in jobs]


def turns_of(queue, clock, claim, number):
    """Claim and finish jobs; return the tenants in the order of their turns."""
    turns = []
    for _ in range(number):
        clock.advance(0.001)
        job = claim()
        turns.append(job.tenant)
        queue.end([outcomes.done(job)])
    return turns


def test_a_tenant_with_one_job_does_not_wait_for_a_flood(queue, flood, put, clock):
    """A job put after a thousand others of another tenant is claimed second."""
    flood("hostile", 1000)
    clock.advance(1)
    put("honest", tenant="honest")
    assert set(tenants(queue, 2)) == {"hostile", "honest"}


def test_tenants_take_turns(queue, flood, claim, clock):
    """Tenants with waiting jobs get as many turns each, however many jobs wait."""
    flood("a", 100)
    flood("b", 10)
    assert sorted(turns_of(queue, clock, claim, 10)) == ["a"] * 5 + ["b"] * 5


def test_a_tenant_that_comes_back_is_next(queue, flood, put, claim, clock):
    """The next turn is that of the tenant that has used least lately."""
    put("first", tenant="b")
    flood("a", 20)
    turns_of(queue, clock, claim, 6)
    put("second", tenant="b")
    assert claim().key == "second"


def test_running_jobs_count(queue, flood, put, claim):
    """A tenant that holds workers lets others go first, also right after their turn."""
    flood("slow", 10)
    held = [claim(), claim()]
    put("x", tenant="quick")
    put("y", tenant="quick")
    queue.end([outcomes.done(claim())])
    assert [job.tenant for job in held] == ["slow", "slow"]
    assert claim().tenant == "quick"


def test_people_of_a_tenant_take_turns(queue, flood, put, claim):
    """Within a tenant, one person's job does not wait for another's flood."""
    flood("o", 500)
    put("one", tenant="o", person="alice")
    assert "one" in [claim().key, claim().key]


def test_urgent_jobs_overtake_within_their_tenant(queue, flood, put, claim, clock):
    """An urgent job is first, also in the subject of the others; other tenants take their turn."""
    flood("o", 50, subject="o/r#1")
    flood("p", 1)
    clock.advance(1)
    put("invite", tenant="o", subject="o/r#1", urgent=True)
    claimed = {job.key: job.urgent for job in (claim(), claim())}
    assert claimed == {"invite": True, "p-0": False}


def test_usual_jobs_of_a_subject_wait_for_an_older_urgent_one(queue, put, claim, clock):
    """An urgent job that was there before the others keeps its place."""
    put("urgent", subject="s", urgent=True, run_at=clock() + 5)
    put("usual", subject="s")
    assert claim() is None
    clock.advance(5)
    assert claim().key == "urgent"


def test_alone_a_tenant_gets_everything(queue, flood):
    """While no other tenant had a turn lately, one tenant gets all threads, and jobs ahead."""
    flood("a", 10)
    assert tenants(queue, 6, room=Room(4)) == ["a"] * 6


def test_a_thread_stays_free_while_others_may_come(queue, flood, put, claim, clock):
    """After another tenant's turn, one tenant gets all threads but one; later all again."""
    put("b", tenant="b")
    queue.end([outcomes.done(claim())])
    flood("a", 10)
    assert tenants(queue, 4, room=Room(4)) == ["a"] * 3
    assert tenants(queue, 1, room=Room(4, {"a": 3})) == []
    assert queue.next_run_at(["mail"], room=Room(4, {"a": 3})) is None
    put("again", tenant="b")
    assert tenants(queue, 1, room=Room(4, {"a": 3})) == ["b"]
    clock.advance(2 * OTHERS_SECONDS)
    assert tenants(queue, 2, room=Room(4, {"a": 3})) == ["a", "a"]


def test_a_clock_that_was_set_back_starves_nobody(queue, flood, claim, clock):
    """Turns in the future do not count."""
    flood("a", 5, run_at=0.0)
    flood("b", 5, run_at=0.0)
    turns_of(queue, clock, claim, 2)
    clock.advance(-7200)
    assert sorted(turns_of(queue, clock, claim, 4)) == ["a", "a", "b", "b"]


def test_a_claim_looks_at_a_part_of_a_lane(queue, flood, put, claim):
    """If a person's first jobs all wait for one subject, their others wait too; nobody else's."""
    flood("o", WINDOW + 1, subject="o/r#1")
    put("other", tenant="o", person="mallory", subject="o/r#2")
    running = claim()
    put("alice", tenant="o", person="alice", subject="o/r#3")
    assert claim().key == "alice"
    assert claim() is None
    queue.end([outcomes.done(running)])
    assert claim().subject == "o/r#1"


def test_forgotten_bodies_are_deleted_with_the_end(queue, claim, put):
    """The job and its key stay, and a second put is still known."""
    job_id = put("k")
    queue.end([outcomes.ignored(claim(), "unwanted", forget=True)])
    assert queue.body(job_id) is None
    assert queue.get(job_id).reason == "unwanted"
    assert queue.put(NewJob(queue="mail", key="k", body=b"x", run_at=0.0)) == (job_id, False)


def test_a_lost_claim_forgets_nothing(queue, claim, put, clock):
    """The fence also guards the body."""
    job_id = put("k")
    late = claim()
    clock.advance(LEASE + 1)
    queue.reclaim()
    assert len(queue.end([outcomes.ignored(late, "unwanted", forget=True)])) == 1
    assert queue.body(job_id) == b"hello"


def test_the_oldest_finished_bodies_of_a_tenant_go_first(queue, put, claim):
    """Bodies of jobs with work to do stay, and those of other tenants."""
    body = bytes(range(100))
    old = []
    for number in range(4):
        old.append(put(f"k{number}", tenant="a", body=body))
        queue.end([outcomes.done(claim())])
    parent = put("parent", tenant="a", body=body)
    queue.end(
        [
            outcomes.done(
                claim(), put=[NewJob(queue="post", key="c", body=b"", run_at=0.0, parent=parent)]
            )
        ]
    )
    dead = put("dead", tenant="a", body=body)
    queue.end([outcomes.buried(claim(), "hopeless")])
    other = put("other", tenant="b", body=body)
    queue.end([outcomes.done(claim())])
    assert queue.sizes() == {"": 0, "a": 600, "b": 100}
    assert queue.expire_oldest("a", 150) == 2
    assert [queue.body(job_id) is None for job_id in old] == [True, True, False, False]
    assert queue.expire_oldest("a", 10_000) == 2
    assert None not in [queue.body(kept) for kept in (parent, dead, other)]


def test_what_a_person_caused_is_counted(queue, put, claim, clock):
    """It counts children of some kinds of jobs, of one person, since a time."""
    put("c1", tenant="t", person="p", kind="comment")
    cause = claim()
    new = {"queue": "post", "body": b"", "run_at": 0.0, "tenant": "t", "parent": cause.id}
    children = [("a", "p", "label"), ("b", "p", "react"), ("c", "q", "label")]
    put_too = [NewJob(key=key, person=who, kind=kind, **new) for key, who, kind in children]
    queue.end([outcomes.done(cause, put=put_too)])

    def count(**said):
        values = {"since": 0.0, "parents": ["comment"], "without": ["react"], "most": 9, **said}
        return queue.caused("t", "p", **values)

    assert [count(), count(without=[]), count(without=[], most=1)] == [1, 2, 1]
    assert [count(parents=["push"]), count(since=clock() + 1)] == [0, 0]


def test_what_noted_jobs_caused_is_counted(queue, put, claim):
    """Jobs of a noted kind count if their note begins with the words; the others do not."""
    for note in ("", "marked", "marked twice", "not marked"):
        put(f"c {note}", tenant="t", person="p", kind="push")
        cause = claim()
        if note:
            queue.note(cause, note)
        child = NewJob(
            queue="post",
            key=note,
            body=b"",
            run_at=0.0,
            tenant="t",
            parent=cause.id,
            person="p",
            kind="label",
        )
        queue.end([outcomes.done(cause, put=[child])])

    def count(**said):
        return queue.caused("t", "p", since=0.0, parents=["comment"], most=9, **said)

    assert [count(), count(noted={"push": "marked"}), count(noted={"star": "marked"})] == [0, 2, 0]


def test_jobs_of_an_older_release_are_claimed(engine, claim):
    """A row without tenant, rank and lane is a job of a tenant without a name."""
    row = (
        "INSERT INTO job (queue, key, subject, kind, state, attempt, max_attempts, fence, run_at,"
        " worker, created_at, changed_at, note, result, reason)"
        " VALUES ('mail', 'old', 's', '', 'ready', 0, 5, 0, 0, '', 0, 0, '', '', '')"
    )
    with engine.begin() as connection:
        connection.execute(text(row))
        body = text("INSERT INTO job_body SELECT id, 'plain', :body FROM job")
        connection.execute(body, {"body": b"x"})
    assert claim().key == "old"


def postpone(queue, job, at):
    """Let a job be tried again at a time, as an action that waits for its write slot."""
    queue.end([outcomes.postponed(job, "later", at)])


def test_a_postponed_job_comes_back_before_a_long_line_of_its_subject(queue, flood, claim, clock):
    """The others were due earlier, wait for it, and are more than a claim looks at."""
    flood("o", 2 * WINDOW, subject="o/r#1")
    first = claim()
    postpone(queue, first, clock() + 1)
    clock.advance(2)
    assert claim().id == first.id


def test_two_lines_that_hide_the_head_of_each_other_move(queue, flood, claim, clock):
    """Two people wait in two issues, each behind a postponed job of the other one."""
    for person, subject in (("ann", "o/r#1"), ("bob", "o/r#2")):
        flood("o", 1, person=person, tag=subject, subject=subject)
    for job in (claim(), claim()):
        postpone(queue, job, clock() + 1)
    for person, subject in (("ann", "o/r#2"), ("bob", "o/r#1")):
        flood("o", 2 * WINDOW, person=person, tag=f"{subject}-more", subject=subject)
    clock.advance(2)
    assert {claim().subject, claim().subject} == {"o/r#1", "o/r#2"}


@pytest.mark.parametrize("seed", range(3))
def test_whatever_was_postponed_every_job_comes_to_its_end(queue, clock, seed):
    """No order of people, issues, ranks and delays leaves due jobs that nobody may claim."""
    rng = random.Random(seed)
    jobs = [
        NewJob(
            queue="mail",
            key=str(number),
            body=b"",
            run_at=clock(),
            tenant="o",
            person=rng.choice("ab"),
            subject=f"o/r#{rng.randrange(3)}",
            urgent=rng.random() < 0.1,
        )
        for number in range(6 * WINDOW)
    ]
    queue.put_all(jobs)
    done = 0
    for _ in range(20 * WINDOW):
        clock.advance(0.5)
        for job in queue.claim(["mail"], worker="w", lease_seconds=LEASE, limit=4):
            if rng.random() < 0.3:
                postpone(queue, job, clock() + rng.choice((1.0, 5.0)))
            else:
                queue.end([outcomes.done(job)])
                done += 1
        if done == len(jobs):
            return
    pytest.fail(f"{len(jobs) - done} jobs are left")
