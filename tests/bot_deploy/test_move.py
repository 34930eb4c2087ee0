"""`move`: what the operator types and sees."""

import os

import pytest

from bot.store.board import SqlBoard
from bot_deploy import move
from bot_deploy.config import load
from bot_deploy.config.sources import ConfigError
from bot_deploy.migrate import migrate
from bot_deploy.wiring.parts import open_parts
from luggage.database import SchemaError, open_engine
from luggage.jobs import NewJob

APP = {"GITHUB_APP_ID": "1", "GITHUB_PRIVATE_KEY": "-", "GITHUB_WEBHOOK_SECRET": "s3cret"}


@pytest.fixture
def environ(tmp_path, monkeypatch):
    """The environment of a bot with SQLite, whose database has one job."""
    environ = APP | {"BOT_DATA": str(tmp_path)}
    monkeypatch.setattr(os, "environ", environ)
    config = load(environ)
    migrate(config)
    with open_parts(config) as parts:
        parts.queue.put(NewJob(queue="delivery", key="k", body=b"{}", run_at=0.0))
    return environ


@pytest.mark.parametrize("variable", ["MOVE_TO", "DATABASE_URL", "MOVE_TO_FILE"])
def test_everything_is_moved(environ, postgresql_url, tmp_path, capsys, variable):
    """The target comes from a variable, or a file; afterwards the bot finds all it had."""
    path = tmp_path / "url"
    path.write_text(postgresql_url)
    environ[variable] = str(path) if variable.endswith("_FILE") else postgresql_url
    assert move.main(["move"]) == 0
    out = capsys.readouterr().out
    assert "copied 2 rows" in out
    assert "job: rows moved and compared: 1" in out
    environ["DATABASE_URL"] = postgresql_url
    with open_parts(load(environ)) as parts:
        assert parts.queue.find("delivery", "k") is not None


def test_a_second_time_is_refused(environ, postgresql_url):
    """What was moved is not moved again over what has happened since."""
    environ["MOVE_TO"] = postgresql_url
    move.main(["move"])
    with pytest.raises(ConfigError, match="not empty"):
        move.main(["move"])


def test_a_password_is_not_taken_from_the_command_line(environ):
    """It would be seen in the list of processes; the remedy names the variable, and no password."""
    with pytest.raises(ConfigError, match="MOVE_TO") as caught:
        move.main(["move", "--to", "postgresql://bot:hunter2@db/bot"])
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "sqlite:////nowhere/bot.sqlite"], "not an existing SQLite database"),
        (["--from", "postgresql://db/bot"], "not an existing SQLite database"),
        ([], "is not PostgreSQL"),
        (["--to", "sqlite:////tmp/x"], "is not PostgreSQL"),
        (["--to", "::"], "cannot be read"),
    ],
)
def test_addresses_that_make_no_sense_are_refused(environ, arguments, words):
    """Each with what is wrong about it."""
    with pytest.raises(ConfigError, match=words):
        move.main(["move", *arguments])


def test_a_source_of_another_version_is_refused(tmp_path, monkeypatch):
    """It is migrated first, by the release that is there."""
    (tmp_path / "bot.sqlite").touch()
    monkeypatch.setattr(os, "environ", {"BOT_DATA": str(tmp_path), "MOVE_TO": "postgresql://x/y"})
    with pytest.raises(SchemaError, match="migrate"):
        move.main(["move"])


@pytest.fixture
def engines(environ, postgresql_url):
    """The source and the target."""
    pair = open_engine(load(environ).database_url), open_engine(postgresql_url)
    yield pair
    for engine in pair:
        engine.dispose()


def test_a_bot_that_was_just_stopped_is_waited_for(engines, clock):
    """A loop that was heard from a moment ago may have ended; after half a minute that is sure."""
    SqlBoard(engines[0], clock=clock).beat("loop")
    clock.advance(10)
    slept = []
    assert move.move(*engines, clock=clock, sleep=slept.append) == 3
    assert slept == [20.0]


def test_a_bot_that_runs_is_refused(engines, clock):
    """A database that is worked on is not moved; nothing was done."""
    board = SqlBoard(engines[0], clock=clock)
    board.beat("loop")

    def sleep(seconds):
        clock.advance(seconds)
        board.beat("loop")

    with pytest.raises(ConfigError, match="stop the bot"):
        move.move(*engines, clock=clock, sleep=sleep)
