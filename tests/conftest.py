"""Fixtures for more than one room: both databases, the queue, a clock that tests move."""

import functools
import os
import signal
import threading
from pathlib import Path

import hypothesis
import pytest

import luggage.jobs
from luggage.database import History, open_engine
from luggage.github import tokens
from luggage.jobs import Queue
from tests.support import needs
from tests.support.browser import running_chromium
from tests.support.clock import FakeClock
from tests.support.migrated import migrated
from tests.support.parse_server import parse_servers
from tests.support.postgresql import packaged, packaged_server, running_server

# A shell starts background jobs with SIGINT ignored, nohup with SIGHUP, and whatever a test starts
# inherits that.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# `make test` hands its flags and variables to each make below it, and a test starts its own.
for _name in ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS"):
    os.environ.pop(_name, None)

# The same examples each time: a red test is then red for everyone. `--hypothesis-profile=search`
# looks for new ones.
hypothesis.settings.register_profile(
    "same", derandomize=True, deadline=None, database=None, max_examples=50
)
hypothesis.settings.register_profile("search", max_examples=2000, deadline=None, database=None)
hypothesis.settings.load_profile("same")

# To read a key is to check its primes, which takes 70 ms, and a thousand tests have the same one.
tokens.load_pem_private_key = functools.lru_cache(tokens.load_pem_private_key)

pytest_plugins = [f"tests.support.{name}" for name in ("groups", "short", "skips", "traced")]

JOBS = History("jobs", luggage.jobs.MIGRATIONS, luggage.jobs.metadata)


_LONGEST_NAME = 80


def pytest_configure(config):
    """Register the mark of sweeps."""
    words = "sweep: many cases of one idea; they reach no new line, and are not in the short form"
    config.addinivalue_line("markers", words)


def pytest_make_parametrize_id(val, argname):
    """Name long values, such as new keys and hostile texts, by their argument.

    All processes of a test run must give a test the same name.
    """
    return argname if isinstance(val, str | bytes) and len(val) > _LONGEST_NAME else None


@pytest.fixture
def clock():
    """A clock that tests move."""
    return FakeClock()


def pytest_addoption(parser):
    """Let the tests run on another PostgreSQL than the wheel's."""
    parser.addoption(
        "--postgresql",
        type=Path,
        metavar="DIRECTORY",
        help="run the tests on the PostgreSQL whose initdb and pg_ctl are in this directory",
    )


@pytest.fixture(scope="session")
def postgresql_server(request, tmp_path_factory):
    """A PostgreSQL server for this process of pytest; stopped and removed at its end."""
    programs = request.config.getoption("--postgresql")
    lock = tmp_path_factory.getbasetemp().parent / "postgresql.lock"
    with packaged_server(programs) if programs else running_server(lock) as server:
        yield server


@pytest.fixture(
    scope="session", params=packaged() or [None], ids=lambda each: str(each and each.parent.name)
)
def packaged_postgresql(request):
    """A server of each version that the distribution's packages have installed."""
    programs = request.config.getoption("--postgresql") or request.param
    if programs is None:
        needs.need("initdb")
    with packaged_server(programs) as server:
        yield server


@pytest.fixture(scope="session")
def chromium():
    """A Chromium for this process of pytest; see tests.support.browser for pages of it."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def parse(postgresql_server):
    """Two applications on Parse Servers for this process of pytest: lines and mood."""
    with parse_servers(postgresql_server, "lines", "mood") as servers:
        yield servers


@pytest.fixture
def sqlite_url(tmp_path):
    """The address of a SQLite database that is not there yet."""
    return f"sqlite:///{tmp_path / 'test.sqlite'}"


@pytest.fixture
def postgresql_url(postgresql_server):
    """The address of an empty PostgreSQL database."""
    return postgresql_server.new_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request):
    """The address of an empty database, of either kind."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def empty_engine(database_url):
    """An engine on an empty database, of either kind."""
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(empty_engine):
    """An engine on a database with the queue's tables, of either kind."""
    return migrated(empty_engine, [JOBS])


@pytest.fixture
def queue(engine, clock):
    """A queue on either database, with the clock of the test."""
    return Queue(engine, clock=clock)
