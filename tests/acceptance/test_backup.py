"""docs/howto/backup.md: a restored database has the backup's contents."""

import pytest
from sqlalchemy import make_url

from luggage.database import open_engine
from luggage.jobs import NewJob, Queue
from tests.support.documented import blocks, shell
from tests.support.packing import ROOT
from tests.support.postgresql import running_server


@pytest.fixture
def run(tmp_path, database):
    """Run commands as an operator with this database, in a directory with the code."""
    for package in ("bot", "bot_deploy", "luggage"):
        (tmp_path / package).symlink_to(ROOT / package)

    def _run(script):
        shell(script, cwd=tmp_path, BOT_DATA=str(tmp_path), DATABASE_URL=database)

    return _run


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


@pytest.fixture
def database(kind, tmp_path):
    """The address of an empty database on its own server: a restore replaces everything in it."""
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path}/bot.sqlite"
        return
    with running_server(tmp_path / "lock") as server:
        server.execute("CREATE DATABASE bot")
        url = make_url(server.new_database()).set(drivername="postgresql", database="bot")
        yield url.set(query={"host": url.query["host"]}).render_as_string(hide_password=False)


@pytest.fixture
def put(database):
    """Queue a job with this key; returns whether it is new."""

    def _put(key):
        engine = open_engine(database)
        try:
            job = NewJob(queue="deliveries", key=key, body=b"", run_at=0.0)
            return Queue(engine, clock=lambda: 0.0).put(job).created
        finally:
            engine.dispose()

    return _put


def test_a_restored_database_is_as_it_was(run, put):
    """A restore brings back the backup, and nothing later."""
    back_up, restore = blocks("howto/backup")
    run("python -m bot_deploy migrate")
    put("before")
    run(back_up)
    put("after")
    run(restore)
    assert not put("before")
    assert put("after")
