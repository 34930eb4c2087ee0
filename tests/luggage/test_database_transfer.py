"""luggage.database.transfer: all rows arrive, or nothing changes."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

import luggage.jobs
from luggage.database import migrate, open_engine, reading
from luggage.database import transfer as module
from luggage.database.transfer import TransferError, transfer
from luggage.jobs import NewJob, Queue, State
from tests.conftest import JOBS
from tests.support import ends

METADATA = [luggage.jobs.metadata]


@pytest.fixture
def opened():
    """Open a database with the queue's tables; close it at the end."""
    engines = []

    def opened(url):
        engines.append(open_engine(url))
        migrate(engines[-1], [JOBS], log=lambda _: None)
        return engines[-1]

    yield opened
    for engine in engines:
        engine.dispose()


@pytest.fixture
def old(opened, sqlite_url):
    return opened(sqlite_url)


@pytest.fixture
def new(opened, postgresql_url):
    return opened(postgresql_url)


@pytest.fixture
def filled(old, clock):
    """A queue with jobs in every state, a dependent job and a child."""
    queue = Queue(old, clock=clock)
    for key in ("done", "dead", "leased"):
        queue.put(NewJob(queue="mail", key=key, body=bytes(range(256)), run_at=clock() + 0.123))
    clock.advance(1)
    done, dead, _ = queue.claim(["mail"], worker="w", lease_seconds=60.0, limit=3)
    child = NewJob(queue="mail", key="ready", body=b"", run_at=clock(), parent=done.id)
    ends.done(queue, done, result='{"snow": "\u2603"}', put=[child])
    ends.bury(queue, dead, "hopeless")
    queue.put(NewJob(queue="mail", key="held", body=b"h", run_at=clock(), after="leased"))
    return queue


def contents(engine):
    """Return every row of every table, in some order."""
    with reading(engine) as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(table.select())))
            for table in luggage.jobs.metadata.sorted_tables
        }


def test_everything_arrives_as_it_was(filled, old, new):
    """Each row of each table arrives, with bodies and times bit by bit."""
    before = contents(old)
    moved = transfer(old, new, METADATA, report=lambda _: None)
    assert contents(new) == before
    assert moved == sum(map(len, before.values())) == 12


def test_work_goes_on_at_the_target(filled, old, new, clock):
    """Waiting jobs are claimed, a late result is accepted, and new jobs get new ids."""
    transfer(old, new, METADATA, report=lambda _: None)
    queue = Queue(new, clock=clock)
    (job,) = queue.claim(["mail"], worker="w", lease_seconds=60.0)
    made = queue.put(NewJob(queue="mail", key="new", body=b"", run_at=clock()))
    assert (job.key, made.created) == ("ready", True)
    assert queue.counts()[("mail", State.LEASED)] == 2


def test_an_empty_table_is_moved_too(old, new, clock):
    """Its ids start at one."""
    assert transfer(old, new, METADATA, report=lambda _: None) == 0
    assert Queue(new, clock=clock).put(NewJob(queue="q", key="k", body=b"", run_at=0.0)).id == 1


def test_the_source_refuses_writes(filled, old, new, clock):
    """A forgotten process that still writes to the old database gets an error."""
    transfer(old, new, METADATA, report=lambda _: None)
    with pytest.raises(IntegrityError, match="was moved to another"):
        filled.put(NewJob(queue="mail", key="late", body=b"", run_at=clock()))
    assert filled.claim(["mail"], worker="w", lease_seconds=60.0) == []
    assert filled.body(1) == bytes(range(256))


def test_a_target_that_is_not_empty_is_refused(filled, old, new, clock):
    """Two databases are not mixed, and the source still accepts writes."""
    Queue(new, clock=clock).put(NewJob(queue="mail", key="there", body=b"", run_at=0.0))
    with pytest.raises(TransferError, match="not empty: job"):
        transfer(old, new, METADATA, report=lambda _: None)
    assert filled.put(NewJob(queue="mail", key="late", body=b"", run_at=clock())).created


@pytest.mark.parametrize("when", ["_copy_table", "_digest", "_close"])
def test_an_abort_leaves_both_as_they_were(filled, old, new, clock, monkeypatch, when):
    """After an abort at any step the target is empty, and the move can be repeated."""
    before = contents(old)

    def broken(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, when, broken)
        with pytest.raises(KeyboardInterrupt):
            transfer(old, new, METADATA, report=lambda _: None)
    assert sum(map(len, contents(new).values())) == 0
    transfer(old, new, METADATA, report=lambda _: None)
    assert contents(new) == before


def test_a_target_that_does_not_commit_leaves_the_source_open(
    filled, old, new, clock, monkeypatch, postgresql_server, postgresql_url
):
    """If the target fails at its commit, the source accepts writes again."""
    close = module._close

    def close_and_lose(*arguments):
        close(*arguments)
        postgresql_server.disconnect(postgresql_url)

    monkeypatch.setattr(module, "_close", close_and_lose)
    with pytest.raises(Exception, match=r"terminat|closed|lost"):
        transfer(old, new, METADATA, report=lambda _: None)
    assert filled.put(NewJob(queue="mail", key="late", body=b"", run_at=clock())).created


def test_a_move_that_was_killed_before_the_last_step_is_repeated(filled, old, new):
    """The source was closed but the target not committed, and the move is done again."""
    before = contents(old)
    with old.begin() as connection:
        module._close(connection, luggage.jobs.metadata.sorted_tables)
    transfer(old, new, METADATA, report=lambda _: None)
    assert contents(new) == before


def test_a_changed_row_is_detected(filled, old, new):
    """A target that changes its input is not accepted as a copy."""
    with new.begin() as connection:
        connection.execute(text(SPOIL))
    with pytest.raises(TransferError, match="job: the copied rows differ"):
        transfer(old, new, METADATA, report=lambda _: None)
    assert sum(map(len, contents(new).values())) == 0


SPOIL = """
CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.note = 'spoiled'; RETURN NEW; END $$;
CREATE TRIGGER spoil BEFORE INSERT ON job FOR EACH ROW EXECUTE FUNCTION spoil();
"""


def test_progress_is_reported(filled, old, new, monkeypatch):
    """The operator sees how many rows are moved."""
    monkeypatch.setattr(module, "_BATCH", 1)
    monkeypatch.setattr(module, "_REPORT_EVERY", 2)
    said = []
    transfer(old, new, METADATA, report=said.append)
    assert "job: rows so far: 2" in said
    assert "job: rows moved and compared: 5" in said
