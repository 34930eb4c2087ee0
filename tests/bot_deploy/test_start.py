"""The subcommand `start`, without real processes."""

import itertools
import json
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from bot_deploy import demo, start
from bot_deploy.config import load
from bot_deploy.config.sources import ConfigError
from luggage.database import FileAccessError
from luggage.fake_github import FakeGithub

APP = {
    "GITHUB_APP_ID": "1",
    "GITHUB_PRIVATE_KEY": FakeGithub().private_key,
    "GITHUB_WEBHOOK_SECRET": "s3cret",
}


# `start` forks before it has a thread; a test run may have some.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@pytest.fixture(autouse=True)
def own_signals():
    """Signal handlers are as they were after each test."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def supervised(monkeypatch, caplog):
    """What the supervisor is given when it would run: the entries, and a line of a child."""
    seen: dict[str, Any] = {}
    given: dict[str, Any] = {}

    class Supervisor:
        def __init__(self, places, *, relay, handed_over):
            self.places, self.relay = places, relay
            given.update({name: json.loads(each) for name, each in handed_over.items()})

        def run(self):
            self.relay("loop", "hello")
            for file in Path(self.places.config).iterdir():
                seen[file.name] = json.loads(file.read_text())

    monkeypatch.setattr("luggage.run.supervisor.Supervisor", Supervisor)
    monkeypatch.setattr(start, "configure_logging", lambda *_, **__: None)
    caplog.set_level(logging.INFO)
    return seen, given


def test_it_migrates_and_supervises_the_two_processes(supervised, tmp_path, monkeypatch, capsys):
    """`start` migrates the database, then supervises gunicorn and the loop."""
    environ = APP | {"BOT_DATA": str(tmp_path), "PORT": "18000"}
    monkeypatch.setattr(os, "environ", environ)
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "bot_deploy", "start"])
    monkeypatch.setattr(sys, "argv", ["__main__.py", "start"])
    assert start.main(["start"]) == 0
    assert (tmp_path / "bot.sqlite").exists()
    entries, given = supervised
    assert {name: entry["args"] for name, entry in entries.items()} == {
        "gunicorn": [sys.executable, "-m", "bot_deploy", "gunicorn"],
        "loop": [sys.executable, "-m", "bot_deploy", "loop"],
    }
    assert "s3cret" not in str(entries)
    assert {name: sorted(values) for name, (values, _) in given.items()} == {
        "gunicorn": ["github.app_id", "github.webhook_secrets"],
        "loop": ["github.app_id", "github.private_key"],
    }
    assert environ.keys() == {"BOT_DATA", "PORT"}
    assert capsys.readouterr().out == "loop: hello\n"


def test_the_child_shows_no_secret(tmp_path, monkeypatch):
    """`prepare` returns two public settings, and secrets that a repr does not show."""
    monkeypatch.setattr("luggage.telemetry.logs.configure_logging", lambda *_, **__: None)
    prepared = start.prepare(APP | {"BOT_DATA": str(tmp_path), "PORT": "18000"}, or_demo=True)
    assert (prepared.data, prepared.log_format) == (tmp_path, "text")
    assert "s3cret" in str(prepared.handed_over)
    assert "s3cret" not in repr(prepared)
    assert (tmp_path / "bot.sqlite").exists()


def test_a_board_on_parse_is_opened_before_the_start(tmp_path):
    """Invalid settings of a board on Parse stop the start."""
    names = ("URL", "APPLICATION_ID", "REST_KEY")
    parse = {f"PARSE_{board}_{name}": "-" for board in ("LINES", "MOOD") for name in names}
    environ = APP | {"BOT_DATA": str(tmp_path), "BOT_BOARD": "parse"} | parse
    with pytest.raises(ConfigError, match=r"board\.lines\.url .* must begin with https"):
        start.prepare(environ, or_demo=False)


def test_a_private_key_that_is_none_is_reported_before_the_start(tmp_path):
    """An invalid private key stops the start, named by its variable."""
    environ = APP | {"BOT_DATA": str(tmp_path), "GITHUB_PRIVATE_KEY": "hunter2"}
    with pytest.raises(ConfigError, match=r"\(GITHUB_PRIVATE_KEY\): .*PEM") as raised:
        start.prepare(environ, or_demo=False)
    assert "hunter2" not in str(raised.value)


def test_a_port_that_is_taken_is_reported_before_the_start(tmp_path, monkeypatch):
    """The web process could never listen on it; the line names the remedy, and nothing is made."""
    monkeypatch.setattr(start.time, "monotonic", itertools.count(step=10.0).__next__)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        environ = APP | {"BOT_DATA": str(tmp_path), "PORT": str(port)}
        with pytest.raises(ConfigError, match=f"port {port} is in use by another program: stop"):
            start.prepare(environ, or_demo=False)
    with pytest.raises(ConfigError, match="PORT is 0"):
        start.prepare(environ | {"PORT": "0"}, or_demo=False)
    assert list(tmp_path.iterdir()) == []


def test_without_an_app_there_is_nothing_to_prepare():
    """`prepare` returns None without an App."""
    assert start.prepare({}, or_demo=True) is None


def test_without_an_app_it_names_the_remedy(monkeypatch):
    """Without an App `start` raises ConfigError."""
    monkeypatch.setattr(os, "environ", {})
    with pytest.raises(ConfigError, match="GITHUB_APP_ID"):
        start.main(["start"])


def test_without_an_app_it_may_be_the_demo(monkeypatch, capsys):
    """With --or-demo it runs the demo."""
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.setattr(demo, "main", lambda argv: 42 if argv == ["demo"] else 0)
    assert start.main(["start", "--or-demo"]) == 42
    assert "running the demo" in capsys.readouterr().out


def away(text="connection refused"):
    """The error of a PostgreSQL that does not answer."""
    return OperationalError("SELECT 'hush'", None, Exception(text))


def test_a_database_that_comes_back_is_waited_for(caplog):
    """Each wait is longer than the one before, and the log says why."""
    failures, waits = [away(), away("FATAL:  the database system is starting up")], []

    def work():
        if failures:
            raise failures.pop(0)

    start.once_it_answers(work, sleep=waits.append)
    assert waits == [1.0, 2.0]
    assert "the database is away (connection refused); trying again in 1 s" in caplog.text
    assert "hush" not in caplog.text


def test_a_database_that_stays_away_ends_the_start():
    """After half a minute the error is raised."""
    waits = []

    def work():
        raise away()

    with pytest.raises(OperationalError):
        start.once_it_answers(work, sleep=waits.append)
    assert waits == sorted(waits)
    assert sum(waits) == 30.0


@pytest.mark.parametrize(
    "error",
    [
        away('FATAL:  password authentication failed for user "bot"'),
        FileAccessError("SELECT 1", None, Exception("unable to open database file")),
    ],
)
def test_what_no_waiting_heals_ends_the_start_at_once(error):
    """A wrong password, or a file that cannot be opened, stays so."""

    def work():
        raise error

    with pytest.raises(OperationalError):
        start.once_it_answers(work, sleep=pytest.fail)


def test_a_damaged_file_ends_the_start(tmp_path):
    """Otherwise the processes would be restarted for ever."""
    config = load(APP | {"BOT_DATA": str(tmp_path)}, {})
    start.require_undamaged(config)
    (tmp_path / "bot.sqlite").write_bytes(b"garbage" * 999)
    with pytest.raises(ConfigError, match=r"bot.sqlite is damaged .*`restore` a backup"):
        start.require_undamaged(config)


def test_it_says_how_deliveries_come_in(supervised, tmp_path, monkeypatch, caplog):
    """The log has the way, and the address of the pages."""
    environ = APP | {"BOT_DATA": str(tmp_path), "PORT": "18001", "BOT_RECEIVE": "poll"}
    monkeypatch.setattr(os, "environ", environ)
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "bot_deploy", "start"])
    monkeypatch.setattr(sys, "argv", ["__main__.py", "start"])
    assert start.main(["start"]) == 0
    assert "fetches deliveries from GitHub every 5 s; listens on 127.0.0.1:18001" in caplog.text
