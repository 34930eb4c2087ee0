"""A bot in one process: its database, the simulated GitHub, and a clock that tests set."""

import itertools

import pytest

import bot.store.tables
import luggage.jobs
from bot.loop.run import Updater, job_log_context
from bot.operations.preview.check import Previewer
from bot.rules import RULES, needs
from bot.settings.files import SettingsFiles
from bot.settings.layers import Settings
from bot.store.board import SqlBoard
from bot.store.enqueue import job_of
from bot.store.people import People
from luggage.database import History, open_engine
from luggage.fake_github import FakeGithub
from luggage.github import Delivery
from luggage.jobs import Queue, Worker
from luggage.jobs.wake import LocalWakeup
from tests.support.apps import app_at
from tests.support.clock import FakeClock
from tests.support.migrated import migrated
from tests.support.permissions import calls_of, lacking

HISTORIES = (
    History(name="jobs", package=luggage.jobs.MIGRATIONS, metadata=luggage.jobs.metadata),
    History(name="bot", package="bot.store.migrations", metadata=bot.store.tables.metadata),
)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def store(tmp_path):
    """The bot's database, migrated."""
    engine = open_engine(f"sqlite:///{tmp_path / 'bot.sqlite'}")
    migrated(engine, HISTORIES)
    yield engine
    engine.dispose()


@pytest.fixture
def queue(store, clock):
    return Queue(store, clock=clock)


@pytest.fixture
def people(store, clock):
    return People(store, clock=clock)


@pytest.fixture
def board(store, clock):
    return SqlBoard(store, clock=clock)


@pytest.fixture
def github(clock):
    """The simulated GitHub, with an organisation that has one repository.

    Whatever a test has the bot ask for must be permitted by what the rules say they need.
    """
    fake = FakeGithub(clock=clock)
    fake.add_repository("snakes/trio")
    yield fake
    assert lacking(calls_of(fake), needs(RULES).permissions) == [], "see Rule.permissions"


@pytest.fixture
def app(github, clock):
    """Our App, talking to the simulated GitHub; it never waits, but raises RateLimited."""
    with github.serve() as server:
        yield app_at(server.url, github, clock)


@pytest.fixture
def files(store, clock):
    """The settings files; the operator has set nothing."""
    return SettingsFiles(store, RULES, Settings(), clock=clock)


@pytest.fixture
def updater(app, queue, people, files, clock):
    return Updater(
        app=app,
        queue=queue,
        people=people,
        settings=files,
        clock=clock,
        previewer=Previewer(queue=queue, people=people, settings=files),
    )


@pytest.fixture
def deliver(queue, clock, github):
    """Queue deliveries as the web process does, each under its GUID or a new one."""
    guids = (f"guid-{number}" for number in itertools.count(1))

    def put(happening, guid=None):
        delivery = Delivery(guid or next(guids), happening.event, happening.payload)
        _headers, body = github.signed(*happening, delivery_id=delivery.id)
        queue.put(job_of(delivery, body, run_at=clock()))

    return put


@pytest.fixture
def worker(queue, updater, clock):
    wakeup = LocalWakeup()
    yield Worker(
        queue,
        updater.handlers,
        threads=1,
        lease_seconds=60.0,
        wakeup=wakeup,
        clock=clock,
        random=lambda: 0.5,
        context=job_log_context,
    )
    wakeup.close()


@pytest.fixture
def settled(worker, queue, clock):
    """Let the loop work until nothing is left that will run by itself; the clock jumps ahead."""

    def run(most_turns=1000):
        for _ in range(most_turns):
            worker.drain()
            run_at = queue.next_run_at(["delivery", "action"])
            if run_at is None:
                return
            clock.advance(max(0.0, run_at - clock()) + 0.001)
        raise AssertionError("the loop does not come to rest")

    return run
