"""GroupCommit: many puts, one transaction, and to each its own answer; on both databases."""

import threading

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, OperationalError

from luggage.jobs import GroupCommit, NewJob, UnknownJob
from luggage.jobs.group import GATHER_SECONDS, LARGEST_GROUP

PATIENCE_SECONDS = 30


@pytest.fixture
def naps():
    """How long the group commit slept."""
    return []


@pytest.fixture
def group(queue, naps):
    """A group commit that does not really sleep."""
    group = GroupCommit(queue, sleep=naps.append)
    yield group
    group.close()


@pytest.fixture
def commits(engine):
    """The commits on the database, as they happen."""
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
        assert go.wait(PATIENCE_SECONDS)
        return put_over(connection, lambda: taken)

    queue.put_over = slow
    first = group.put(job("first"))
    assert begun.wait(PATIENCE_SECONDS)
    queue.put_over = put_over
    futures = [group.put(each) for each in jobs]
    go.set()
    assert first.result(PATIENCE_SECONDS).created
    return futures


def test_a_put_is_committed_when_its_future_is_done(queue, group):
    """Whoever waited for the future finds the job in the database."""
    put = group.put(job("a")).result(PATIENCE_SECONDS)
    assert put.created
    assert queue.get(put.id).key == "a"


def test_what_comes_during_a_commit_is_committed_together(queue, group, commits):
    """Ten puts behind a commit cost one more, and get ids in their order."""
    futures = together(queue, group, [job(f"k{n}") for n in range(10)])
    ids = [future.result(PATIENCE_SECONDS).id for future in futures]
    assert ids == sorted(ids)
    assert len(commits) == 2


def test_what_comes_while_the_database_is_waited_for_is_committed_together(queue, group, commits):
    """A put that is alone when it begins to wait is joined by those that come meanwhile."""
    put_over, begun, go = queue.put_over, threading.Event(), threading.Event()

    def waits(connection, take):
        begun.set()
        assert go.wait(PATIENCE_SECONDS)
        return put_over(connection, take)

    queue.put_over = waits
    first = group.put(job("first"))
    assert begun.wait(PATIENCE_SECONDS)
    futures = [first, *(group.put(job(f"k{n}")) for n in range(10))]
    go.set()
    assert all(future.result(PATIENCE_SECONDS).created for future in futures)
    assert len(commits) == 1


def test_a_group_has_a_limit(queue, group, commits):
    """More than a group holds are committed all the same, one group after the other."""
    futures = together(queue, group, [job(f"k{n}") for n in range(LARGEST_GROUP + 1)])
    assert all(future.result(PATIENCE_SECONDS).created for future in futures)
    assert len(commits) == 3


def test_of_two_with_one_key_the_first_is_stored(queue, group):
    """A duplicate within a group is known, like any other."""
    first, second = together(queue, group, [job("a"), job("a")])
    assert first.result(PATIENCE_SECONDS).created
    assert second.result(PATIENCE_SECONDS) == (first.result().id, False)


def test_one_that_cannot_be_stored_fails_alone(queue, group):
    """A job that the database refuses does not take the others of its group along."""
    good, bad, fine = together(queue, group, [job("a"), job("b", after="nothing"), job("c")])
    with pytest.raises(UnknownJob):
        bad.result(PATIENCE_SECONDS)
    assert good.result(PATIENCE_SECONDS).created
    assert fine.result(PATIENCE_SECONDS).created


def test_one_whose_values_the_database_refuses_fails_alone(queue, group):
    """The same for what only the database itself can find wrong."""
    good, bad = together(queue, group, [job("a"), job("b", parent=2**70)])
    with pytest.raises((DBAPIError, OverflowError)):
        bad.result(PATIENCE_SECONDS)
    assert good.result(PATIENCE_SECONDS).created


def test_a_database_that_is_away_fails_all_and_the_next_try_goes_through(engine, queue, group):
    """Nothing is stored, each waiter is told; afterwards a new connection serves."""
    real = queue.put_over

    def away(_connection, _take):
        queue.put_over = real
        raise OperationalError("INSERT", None, Exception("gone"))

    queue.put_over = away
    with pytest.raises(OperationalError):
        group.put(job("a")).result(PATIENCE_SECONDS)
    assert queue.find("mail", "a") is None
    assert group.put(job("a")).result(PATIENCE_SECONDS).created


def test_a_connection_on_which_a_put_failed_is_not_used_again(engine, group):
    """It may be one that can never write, as SQLite's that was made on a read-only disk."""
    given_up = []
    event.listen(engine, "invalidate", lambda *_: given_up.append(True))
    with pytest.raises(DBAPIError):
        group.put(job("bad", kind=object())).result(PATIENCE_SECONDS)
    assert given_up
    assert group.put(job("a")).result(PATIENCE_SECONDS).created


def test_only_company_is_waited_for(queue, group, naps):
    """One put after the other never waits; after a group the next one gathers."""
    for name in ("a", "b"):
        group.put(job(name)).result(PATIENCE_SECONDS)
    assert naps == []
    for future in together(queue, group, [job("c"), job("d")]):
        future.result(PATIENCE_SECONDS)
    group.put(job("e")).result(PATIENCE_SECONDS)
    group.put(job("f")).result(PATIENCE_SECONDS)
    assert naps == [GATHER_SECONDS]


def test_a_group_wakes_the_loop_once_and_only_for_what_is_new(engine, queue, group):
    """A duplicate wakes nobody."""
    woken = []
    queue.wake = lambda: woken.append(True)
    group.put(job("a")).result(PATIENCE_SECONDS)
    group.put(job("a")).result(PATIENCE_SECONDS)
    assert woken == [True]


def test_closing_commits_what_was_put(engine, queue):
    """What was put before the end is in the database after it, and no connection is kept."""
    group = GroupCommit(queue)
    group.put(job("a"))
    group.close()
    group.close()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM job")).scalar() == 1
