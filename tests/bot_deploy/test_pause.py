"""The subcommands `pause` and `resume`."""

import os
import pwd
import sqlite3
from contextlib import closing

import pytest

from bot.store.audit import AuditLog
from bot_deploy import pause, resume
from bot_deploy.config import load
from bot_deploy.config.sources import ConfigError
from bot_deploy.migrate import migrate
from bot_deploy.wiring.parts import clock, open_parts
from bot_deploy.wiring.web import make_app
from luggage.database import SchemaError
from luggage.jobs import NewJob

APP = {"GITHUB_APP_ID": "1", "GITHUB_PRIVATE_KEY": "-", "GITHUB_WEBHOOK_SECRET": "s3cret"}


@pytest.fixture
def config(tmp_path, monkeypatch):
    """The settings of a bot whose database is migrated."""
    environ = APP | {"BOT_DATA": str(tmp_path)}
    monkeypatch.setattr(os, "environ", environ)
    settings = load(environ)
    migrate(settings)
    return settings


def lines(config):
    with open_parts(config) as parts:
        return [line.text for line in parts.board.lines()]


def test_pausing_says_what_is_in_progress(config, capsys):
    """`pause` prints the number of jobs that workers still finish."""
    with open_parts(config) as parts:
        parts.queue.put(NewJob(queue="delivery", key="k", body=b"{}", run_at=0.0))
        parts.queue.claim(["delivery"], worker="w", lease_seconds=60.0)
    assert pause.main(["pause"]) == 0
    assert "in progress, and being finished: 1" in capsys.readouterr().out


def test_resuming_says_how_much_waits(config, capsys):
    """`resume` prints the number of waiting jobs, and workers claim them again."""
    pause.main(["pause"])
    with open_parts(config) as parts:
        parts.queue.put(NewJob(queue="delivery", key="k", body=b"{}", run_at=0.0))
    assert resume.main(["resume"]) == 0
    assert "resumed; jobs waiting: 1" in capsys.readouterr().out
    with open_parts(config) as parts:
        assert parts.queue.claim(["delivery"], worker="w", lease_seconds=60.0)


def test_the_audit_log_tells_who_paused(config):
    """The user of the terminal is in the log that the console shows."""
    pause.main(["pause"])
    resume.main(["resume"])
    with open_parts(config) as parts:
        entries = AuditLog(parts.engine, clock=clock).entries()
    user = pwd.getpwuid(os.getuid()).pw_name
    assert [(each.what, each.who, each.place) for each in entries] == [
        ("resume", user, "terminal"),
        ("pause", user, "terminal"),
    ]


def test_twice_is_once(config, capsys):
    """A second pause or resume succeeds, and writes no line on the board."""
    codes = [module.main(["x"]) for module in (pause, pause, resume, resume)]
    out = capsys.readouterr().out
    assert codes == [0, 0, 0, 0]
    assert "paused already" in out
    assert "it was not paused" in out
    assert lines(config) == ["Back at work", "Paused"]


def test_the_status_page_says_that_it_is_paused(config):
    """The page shows a sleeping bot and the reason; /readyz does not change."""
    client = make_app(config).test_client()
    with open_parts(config) as parts:
        parts.board.beat("loop")
    before = client.get("/readyz").status_code
    pause.main(["pause"])
    page = client.get("/").get_data(as_text=True)
    assert "I am <strong>asleep</strong>: paused by hand." in page
    assert (before, client.get("/readyz").status_code) == (200, 200)


@pytest.mark.parametrize("module", [pause, resume])
def test_a_database_of_another_version_is_refused(module, tmp_path, monkeypatch):
    """`pause` and `resume` make no database, and raise SchemaError for one of another version."""
    monkeypatch.setattr(os, "environ", APP | {"BOT_DATA": str(tmp_path)})
    with pytest.raises(ConfigError, match="there is no database"):
        module.main(["x"])
    assert not list(tmp_path.iterdir())
    with closing(sqlite3.connect(tmp_path / "bot.sqlite")) as connection:
        connection.execute("CREATE TABLE jobs_version (version_num TEXT)")
        connection.commit()
    with pytest.raises(SchemaError, match="migrate"):
        module.main(["x"])
