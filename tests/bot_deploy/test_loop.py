"""The subcommands `loop` and `migrate`, against the simulated GitHub."""

import os
import signal
import sqlite3
import sys
import threading
from contextlib import closing

import pytest

from bot_deploy import loop, migrate
from bot_deploy.config import load
from bot_deploy.config.sources import ConfigError
from bot_deploy.wiring.loop import make_loop
from bot_deploy.wiring.parts import Parts, open_database, open_parts
from luggage.database import SchemaError
from luggage.fake_github import FakeGithub
from luggage.jobs import NewJob, State, listener
from luggage.telemetry import logs
from tests.support.running import until

REPO = "snake-charmers/terrarium"
# The loop forks before it has a thread; the simulated GitHub of these tests is one.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@pytest.fixture
def github():
    """The GitHub that the loop works on."""
    return FakeGithub()


@pytest.fixture
def config(github, tmp_path, monkeypatch):
    """The settings of a bot of that GitHub, also as this process's environment."""
    monkeypatch.setattr(logs, "configure_logging", lambda *_args, **_named: None)
    with github.serve() as server:
        environ = {
            "GITHUB_APP_ID": str(github.app_id),
            "GITHUB_PRIVATE_KEY": github.private_key,
            "GITHUB_WEBHOOK_SECRET": github.webhook_secret,
            "GITHUB_API_URL": server.url,
            "BOT_DATA": str(tmp_path),
        }
        monkeypatch.setattr(os, "environ", environ)
        yield load(environ)


@pytest.fixture
def _own_signals():
    """The signal handlers of the test run, put back after the loop has set its own."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def switches():
    """How often threads hand the interpreter on: a function; put back after the test."""
    before = sys.getswitchinterval()
    yield sys.getswitchinterval
    sys.setswitchinterval(before)


def put(config, happening, github):
    _, body = github.signed(*happening, delivery_id="guid-1")
    with open_parts(config) as parts:
        parts.queue.put(
            NewJob(queue="delivery", key="guid-1", kind=happening.event, body=body, run_at=0.0)
        )


def end_when_answered(config, github):
    """Send this process a SIGTERM once the pull request is answered, or nothing came for long."""
    try:
        until(lambda: github.comments(REPO, 1) and is_finished(config), "the comment is there")
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


def is_finished(config):
    with open_parts(config) as parts:
        return {state for _, state in parts.queue.counts()} == {State.DONE}


def test_migrate_says_what_it_applied_and_then_that_nothing_is_left(config, capsys):
    """The first run prints the revisions, the second "up to date"."""
    assert migrate.main(["migrate"]) == 0
    assert "applied jobs_0001" in capsys.readouterr().out
    assert migrate.main(["migrate"]) == 0
    assert capsys.readouterr().out == "up to date\n"


@pytest.mark.usefixtures("_own_signals")
def test_the_loop_does_what_waits_and_ends_when_told(config, github):
    """The loop acts on a stored delivery; SIGTERM ends it with exit code 0."""
    migrate.migrate(config)
    put(config, github.merge_pull_request(REPO, "alice"), github)
    ender = threading.Thread(target=end_when_answered, args=(config, github))
    ender.start()
    assert loop.main(["loop", "--threads", "2"]) == 0
    ender.join()
    [comment] = github.comments(REPO, 1)
    assert "@alice" in comment.body
    assert not any((config.data / "wake").iterdir())


def test_the_loop_refuses_a_database_of_another_version(config):
    """A database of another version raises SchemaError."""
    migrate.migrate(config)
    with closing(sqlite3.connect(config.data / "bot.sqlite")) as connection:
        connection.execute("UPDATE jobs_version SET version_num = 'from the future'")
        connection.commit()
    with pytest.raises(SchemaError, match="from the future"):
        loop.main(["loop"])


@pytest.mark.usefixtures("config")
def test_a_rule_that_spins_hands_the_interpreter_on(switches):
    """The switch interval is a tenth of Python's."""
    before = switches()
    with pytest.raises(ConfigError, match="there is no database"):
        loop.main(["loop"])
    assert switches() == pytest.approx(before / 10)


def test_a_board_on_parse_is_one_more_duty(config, github):
    """A board on Parse adds a periodic task, which survives an unreachable Parse."""
    migrate.migrate(config)
    names = ("URL", "APPLICATION_ID", "REST_KEY")
    parse = {
        f"PARSE_{board}_{name}": "http://127.0.0.1:9"
        for board in ("LINES", "MOOD")
        for name in names
    }
    elsewhere = load({**os.environ, "BOT_BOARD": "parse", **parse})
    engine = open_database(elsewhere)
    with closing(listener(engine, config.data / "wake")) as wakeup:
        _, tasks = make_loop(Parts(config=elsewhere, engine=engine), wakeup, threads=1)
        (board,) = [slot.task for slot in tasks._slots if slot.task.name == "board"]
        board.run()
    engine.dispose()
