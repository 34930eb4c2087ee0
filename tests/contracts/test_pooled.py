"""PgBouncer before PostgreSQL: the queue works, and leaves the pool's sessions as they were."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import make_url, text

from bot_deploy.wiring.parts import HISTORIES
from luggage.database import (
    DatabaseUrlError,
    SchemaError,
    asking,
    check,
    migrate,
    open_engine,
    reading,
    writing,
)
from luggage.jobs import NewJob, Queue, State, wake
from tests.support import ends
from tests.support.pgbouncer import pooler

JOBS = 120
CLIENTS = 6
LOCAL = ("lock_timeout", "enable_seqscan", "jit", "idle_in_transaction_session_timeout")


@pytest.fixture(scope="module")
def database(postgresql_server):
    """The address of a migrated database."""
    url = postgresql_server.own_database()
    engine = open_engine(url)
    migrate(engine, HISTORIES, log=lambda *_: None)
    engine.dispose()
    return url


@pytest.fixture(scope="module")
def transactions(database):
    """The address of a pooler in transaction mode, with two sessions."""
    with pooler(database, "transaction") as url:
        yield url


@pytest.fixture
def opened():
    """Open engines and dispose of them at the end."""
    engines = []

    def opened(url, **more):
        engines.append(open_engine(url, **more))
        return engines[-1]

    yield opened
    for engine in engines:
        engine.dispose()


def announced(url):
    """The address that says what is there."""
    return (
        make_url(url)
        .update_query_dict({"pool_mode": "transaction"})
        .render_as_string(hide_password=False)
    )


def new(key):
    return NewJob(queue="mail", key=key, body=b"hello", run_at=0.0)


def finish(queue, worker):
    """Claim a job and finish it; yield its key."""
    for job in queue.claim(["mail"], worker=worker, lease_seconds=60):
        ends.done(queue, job)
        yield job.key


def settings(connection):
    return {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in LOCAL}


def test_an_unknown_pooler_in_transaction_mode_is_refused(transactions, opened):
    """A statement could get another client's answer; the error has the remedy."""
    for call in (
        lambda engine: check(engine, HISTORIES),
        lambda engine: migrate(engine, HISTORIES, log=lambda *_: None),
    ):
        with pytest.raises(SchemaError, match=r"add \?pool_mode=transaction to it"):
            call(opened(transactions))


def test_a_pooler_in_session_mode_needs_no_word(database, opened):
    """There, each client has a session of its own."""
    with pooler(database, "session", size=10) as url:
        check(opened(url), HISTORIES)
        check(opened(f"{url}?pool_mode=session"), HISTORIES)


def test_another_mode_is_refused():
    """A pooler that shares single statements has no transactions."""
    with pytest.raises(DatabaseUrlError, match="session or transaction"):
        open_engine("postgresql://h/d?pool_mode=statement")


def test_many_clients_of_a_small_pool_do_each_job_once(transactions, opened, clock):
    """No statement is prepared on another client's session, and none gets another's answer."""
    engine = opened(announced(transactions), pool_size=CLIENTS)
    check(engine, HISTORIES)
    queue = Queue(engine, clock=clock)

    def work(number):
        for each in range(JOBS // CLIENTS):
            key = f"{number}-{each}"
            assert queue.get(queue.put(new(key)).id).key == key
            yield from finish(queue, f"w{number}")

    with ThreadPoolExecutor(CLIENTS) as threads:
        works = threads.map(lambda number: list(work(number)), range(CLIENTS))
        done = [key for keys in works for key in keys]
    while rest := list(finish(queue, "last")):
        done += rest
    assert len(done) == len(set(done)) == JOBS
    assert queue.counts() == {("mail", State.DONE): JOBS}


def test_the_sessions_of_the_pool_stay_as_they_were(transactions, opened):
    """Other applications share them: each setting ends with its transaction."""
    with psycopg.connect(transactions, autocommit=True) as plain:
        before = settings(plain)
    engine = opened(announced(transactions))
    with writing(engine) as connection:
        assert connection.execute(text("SHOW lock_timeout")).scalar() == "7s"
        assert connection.execute(text("SHOW enable_seqscan")).scalar() == "off"
    with reading(engine) as connection:
        assert connection.execute(text("SHOW jit")).scalar() == "off"
    with asking(engine) as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    for _ in range(4):
        with psycopg.connect(transactions, autocommit=True) as plain:
            assert settings(plain) == before


def test_a_loop_polls_where_it_cannot_listen(transactions, opened, tmp_path, monkeypatch):
    """A wait ends soon although nobody wakes the loop, which would otherwise wait ten minutes."""
    monkeypatch.setattr(wake, "POLL_SECONDS", 0.01)
    with closing(wake.listener(opened(announced(transactions)), tmp_path)) as wakeup:
        wakeup.wait(600)
