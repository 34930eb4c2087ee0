"""GroupCommit: many puts in one transaction, each with its own result; on both databases."""

import threading
from contextlib import closing

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, OperationalError

from luggage.database import open_engine
from luggage.jobs import GroupCommit, NewJob, Queue, UnknownJob
from luggage.jobs.group import GATHER_SECONDS, LARGEST_GROUP
from tests.conftest import JOBS
from tests.support.migrated import migrated

TIMEOUT_SECONDS = 30


@pytest.fixture
def sleeps():
    """The seconds that the group commit slept."""
    return []


@pytest.fixture
def group(queue, sleeps):
    """A group commit that does not really sleep."""
    group = GroupCommit(queue, sleep=sleeps.append)
    yield group
    group.close()


@pytest.fixture
def commits(engine):
    """The commits on the database, in order."""
    seen = []

    @event.listens_for(engine, "commit")
    def see(connection):
        seen.append(connection)

    return seen


def job(key, **more):
    return NewJob(queue="mail", key=key, body=b"hello", run_at=0.0, **more)


def together(queue, group, jobs):
    """Put all of `jobs` while an earlier put is being committed; return their futures."""
    begun, go = threading.Event(), threading.Event()
    put_over = queue.put_over

    def slow(connection, take):
        taken = take()
        begun.set()
        assert go.wait(TIMEOUT_SECONDS)
        return put_over(connection, lambda: taken)

    queue.put_over = slow
    first = group.put(job("first"))
    assert begun.wait(TIMEOUT_SECONDS)
    queue.put_over = put_over
    futures = [group.put(each) for each in jobs]
    go.set()
    assert first.result(TIMEOUT_SECONDS).created
    return futures


def test_a_put_is_committed_when_its_future_is_done(queue, group):
    """The job is in the database when the future is done."""
    put = group.put(job("a")).result(TIMEOUT_SECONDS)
    assert put.created
    assert queue.get(put.id).key == "a"


def test_puts_during_a_commit_share_the_next_one(queue, group, commits):
    """Ten puts during a commit cost one more, and get ids in order."""
    futures = together(queue, group, [job(f"k{n}") for n in range(10)])
    ids = [future.result(TIMEOUT_SECONDS).id for future in futures]
    assert ids == sorted(ids)
    assert len(commits) == 2


def test_puts_during_a_wait_for_the_lock_join_the_group(queue, group, commits):
    """A single put that waits for the lock is joined by those that arrive meanwhile."""
    put_over, begun, go = queue.put_over, threading.Event(), threading.Event()

    def waits(connection, take):
        begun.set()
        assert go.wait(TIMEOUT_SECONDS)
        return put_over(connection, take)

    queue.put_over = waits
    first = group.put(job("first"))
    assert begun.wait(TIMEOUT_SECONDS)
    futures = [first, *(group.put(job(f"k{n}")) for n in range(10))]
    go.set()
    assert all(future.result(TIMEOUT_SECONDS).created for future in futures)
    assert len(commits) == 1


def test_a_group_has_a_limit(queue, group, commits):
    """More puts than fit into a group are committed in several groups."""
    futures = together(queue, group, [job(f"k{n}") for n in range(LARGEST_GROUP + 1)])
    assert all(future.result(TIMEOUT_SECONDS).created for future in futures)
    assert len(commits) == 3


def test_of_two_with_one_key_the_first_is_stored(queue, group):
    """A duplicate within a group is known, like any other."""
    first, second = together(queue, group, [job("a"), job("a")])
    assert first.result(TIMEOUT_SECONDS).created
    assert second.result(TIMEOUT_SECONDS) == (first.result().id, False)


def test_one_that_cannot_be_stored_fails_alone(queue, group):
    """A job that the database refuses does not fail the others of its group."""
    good, bad, fine = together(queue, group, [job("a"), job("b", after="nothing"), job("c")])
    with pytest.raises(UnknownJob):
        bad.result(TIMEOUT_SECONDS)
    assert good.result(TIMEOUT_SECONDS).created
    assert fine.result(TIMEOUT_SECONDS).created


def test_one_whose_values_the_database_refuses_fails_alone(queue, group):
    """The same holds for values that only the database can refuse."""
    good, bad = together(queue, group, [job("a"), job("b", parent=2**70)])
    with pytest.raises((DBAPIError, OverflowError)):
        bad.result(TIMEOUT_SECONDS)
    assert good.result(TIMEOUT_SECONDS).created


def test_a_database_that_is_away_fails_all_and_the_next_try_goes_through(engine, queue, group):
    """Every future fails and nothing is stored; the next put uses a new connection."""
    real = queue.put_over

    def away(_connection, _take):
        queue.put_over = real
        raise OperationalError("INSERT", None, Exception("gone"))

    queue.put_over = away
    with pytest.raises(OperationalError):
        group.put(job("a")).result(TIMEOUT_SECONDS)
    assert queue.find("mail", "a") is None
    assert group.put(job("a")).result(TIMEOUT_SECONDS).created


def test_a_connection_on_which_a_put_failed_is_not_used_again(engine, group):
    """It may be one that can never write, such as SQLite's from a read-only disk."""
    given_up = []
    event.listen(engine, "invalidate", lambda *_: given_up.append(True))
    with pytest.raises(DBAPIError):
        group.put(job("bad", kind=object())).result(TIMEOUT_SECONDS)
    assert given_up
    assert group.put(job("a")).result(TIMEOUT_SECONDS).created


def test_the_first_put_after_the_server_closed_the_connection_goes_through(
    postgresql_server, postgresql_url, clock
):
    """A restart, a firewall or a limit for idle sessions ends it; GitHub would not send again."""
    engine = migrated(open_engine(postgresql_url), [JOBS])
    queue = Queue(engine, clock=clock)
    with closing(GroupCommit(queue)) as group:
        assert group.put(job("before")).result(TIMEOUT_SECONDS).created
        postgresql_server.disconnect(postgresql_url)
        after = together(queue, group, [job("after"), job("before")])
        assert [each.result(TIMEOUT_SECONDS).created for each in after] == [True, False]
        postgresql_server.disconnect(postgresql_url)
        assert group.put(job("later")).result(TIMEOUT_SECONDS).created
    engine.dispose()


def test_a_new_connection_that_is_lost_is_not_replaced(queue, group):
    """A put is repeated only if an earlier one worked on its connection."""
    calls = []

    def lost(_connection, _take):
        calls.append(True)
        raise OperationalError("INSERT", None, Exception("gone"), connection_invalidated=True)

    queue.put_over = lost
    with pytest.raises(OperationalError):
        group.put(job("a")).result(TIMEOUT_SECONDS)
    assert len(calls) == 1


def test_only_a_busy_group_gathers(queue, group, sleeps):
    """Single puts never wait; after a group of several the next one gathers."""
    for name in ("a", "b"):
        group.put(job(name)).result(TIMEOUT_SECONDS)
    assert sleeps == []
    for future in together(queue, group, [job("c"), job("d")]):
        future.result(TIMEOUT_SECONDS)
    group.put(job("e")).result(TIMEOUT_SECONDS)
    group.put(job("f")).result(TIMEOUT_SECONDS)
    assert sleeps == [GATHER_SECONDS]


def test_a_group_wakes_the_loop_once_and_only_for_new_jobs(engine, queue, group):
    """A duplicate does not wake the loop."""
    woken = []
    queue.wake = lambda: woken.append(True)
    group.put(job("a")).result(TIMEOUT_SECONDS)
    group.put(job("a")).result(TIMEOUT_SECONDS)
    assert woken == [True]


def test_closing_commits_what_was_put(engine, queue):
    """Earlier puts are committed, and no connection is kept."""
    group = GroupCommit(queue)
    group.put(job("a"))
    group.close()
    group.close()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM job")).scalar() == 1
