"""bot.loop.periodic.housekeeping: payloads expire, keys stay, files stay small."""

import os
from pathlib import Path

import pytest
from sqlalchemy import event

from bot.loop.periodic.housekeeping import Housekeeping
from luggage.database import open_engine, tidy, writing
from luggage.jobs import NewJob, State
from tests.support.jobs import finish

DAY = 24 * 3600.0
PAYLOAD = 20_000


@pytest.fixture
def housekeeping(store, queue, clock):
    return Housekeeping(engine=store, queue=queue, clock=clock, payload_days=30.0)


@pytest.fixture
def put(queue, clock):
    """Queue a job with an incompressible payload, and finish it in one of the ways."""

    def put(key, way="done"):
        body = os.urandom(PAYLOAD)
        queue.put(NewJob(queue="delivery", key=key, body=body, run_at=clock()))
        (job,) = queue.claim(["delivery"], worker="w", lease_seconds=60.0)
        finish(queue, job, way)
        return job.id

    return put


def size(store):
    """The size in bytes of a database and its log."""
    path = Path(store.url.database)
    return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))


def test_payloads_expire_and_keys_stay(housekeeping, put, queue, clock):
    """A payload expires after thirty days; the delivery is still known."""
    job_id = put("old")
    clock.advance(29 * DAY)
    young_id = put("young")
    clock.advance(1.5 * DAY)
    housekeeping()
    assert (queue.body(job_id), len(queue.body(young_id))) == (None, PAYLOAD)
    assert queue.find("delivery", "old").state is State.DONE


def test_dead_jobs_stay_whole(housekeeping, put, queue, clock):
    """A dead job keeps its payload."""
    job_id = put("dead", "bury")
    clock.advance(1000 * DAY)
    housekeeping()
    queue.revive(job_id)
    assert len(queue.body(job_id)) == PAYLOAD


def test_the_log_of_sqlite_is_shortened(housekeeping, put, store):
    """A run moves everything into the database and empties the log."""
    put("k")
    before = Path(f"{store.url.database}-wal").stat().st_size
    housekeeping()
    assert before > 0
    assert Path(f"{store.url.database}-wal").stat().st_size == 0


def test_the_file_of_sqlite_shrinks(housekeeping, put, store, clock):
    """The space of expired payloads is released."""
    for number in range(300):
        put(f"k{number}")
    tidy(store)
    full = size(store)
    clock.advance(31 * DAY)
    housekeeping()
    assert full > 300 * PAYLOAD
    assert size(store) < full / 3


def test_a_file_that_cannot_shrink_is_left_as_it_is(tmp_path):
    """A file that cannot shrink keeps its size and reuses its pages."""
    path = tmp_path / "old.sqlite"
    engine = open_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect", insert=True)
    def made_elsewhere(connection, _record):
        connection.execute("CREATE TABLE IF NOT EXISTS things (body BLOB)").close()

    with writing(engine) as connection:
        connection.exec_driver_sql("INSERT INTO things VALUES (zeroblob(8000000))")
    with writing(engine) as connection:
        connection.exec_driver_sql("DELETE FROM things")
    tidy(engine)
    assert path.stat().st_size > 8_000_000
    engine.dispose()


def test_a_reader_does_not_hold_it_up(store, put):
    """A reader keeps the log from shrinking this time; nothing fails."""
    put("k")
    with store.connect() as reader:
        reading = reader.execution_options(read_only=True)
        reading.exec_driver_sql("SELECT count(*) FROM job").all()
        put("later")
        tidy(store)


def test_postgresql_keeps_its_own_house(postgresql_url):
    """On PostgreSQL the task runs no maintenance."""
    engine = open_engine(postgresql_url)
    asked = []
    event.listen(engine, "connect", lambda *_: asked.append(1))
    tidy(engine)
    engine.dispose()
    assert asked == []


def test_an_installation_has_a_quota(store, queue, clock, caplog):
    """Beyond it, its oldest finished payloads expire; what waits and other installations stay."""
    ids = {}
    for tenant, key in (("7", "old"), ("7", "new"), ("8", "other"), ("7", "waits")):
        body = os.urandom(PAYLOAD)
        job = NewJob(queue="delivery", key=key, body=body, run_at=clock(), tenant=tenant)
        ids[key] = queue.put(job).id
        if key != "waits":
            (claimed,) = queue.claim(["delivery"], worker="w", lease_seconds=60.0)
            finish(queue, claimed, "done")
    Housekeeping(
        engine=store, queue=queue, clock=clock, payload_days=30.0, installation_bytes=2 * PAYLOAD
    )()
    assert [key for key, job_id in ids.items() if queue.body(job_id) is None] == ["old"]
    assert queue.known("delivery", ["old"]) == {"old"}
    assert "installation 7 has more than 0 MB of payloads: its oldest 1 have expired" in caplog.text


def test_one_installation_that_fails_stops_no_other(store, queue, clock, monkeypatch):
    """Whatever one installation raises, the others keep their quota, and the steps after it run."""
    for tenant in ("1", "2", "3"):
        queue.put(
            NewJob(
                queue="delivery",
                key=f"job {tenant}",
                body=os.urandom(PAYLOAD),
                run_at=clock(),
                tenant=tenant,
            )
        )
        (job,) = queue.claim(["delivery"], worker="w", lease_seconds=60.0)
        finish(queue, job, "done")
    expire, tidied = queue.expire_oldest, []

    def expire_oldest(tenant, size):
        if tenant == "2":
            raise TypeError("a bug")
        return expire(tenant, size)

    monkeypatch.setattr(queue, "expire_oldest", expire_oldest)
    monkeypatch.setattr("bot.loop.periodic.housekeeping.tidy", tidied.append)
    keeping = Housekeeping(
        engine=store, queue=queue, clock=clock, payload_days=30.0, installation_bytes=10
    )
    with pytest.raises(ExceptionGroup) as raised:
        keeping()
    assert raised.group_contains(TypeError, match="a bug")
    left = [queue.body(queue.find("delivery", f"job {tenant}").id) for tenant in "123"]
    assert [body is None for body in left] == [True, False, True]
    assert tidied == [store]
