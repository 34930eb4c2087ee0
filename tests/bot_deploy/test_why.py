"""The subcommand `why`."""

import importlib
import json
import os

import pytest

from bot.actions import ACTIONS, Comment, Planned
from bot.events import DELIVERIES
from bot_deploy import why
from bot_deploy.config import load
from bot_deploy.wiring.parts import open_parts
from luggage.fake_github import FakeGithub
from luggage.jobs import NewJob
from tests.support import ends
from tests.support.migrated import migrated_for

dispatch = importlib.import_module("bot_deploy.__main__")
PAGE = "https://github.com/snakes/trio/issues/1#issuecomment-"


@pytest.fixture
def environ(tmp_path, monkeypatch):
    """A bot without an App, which wrote one comment, number 12."""
    environ = {"BOT_DATA": str(tmp_path)}
    monkeypatch.setattr(os, "environ", environ)
    migrated_for(load(environ))
    said = Comment(about="x", repository="snakes/trio", number=1, text="pong!")
    body = Planned(action=said, installation=1, delivery="g", rule="ping", digest="ab").encode()
    with open_parts(load(environ)) as parts:
        parent = parts.queue.put(NewJob(queue=DELIVERIES, key="g", body=b"{}", run_at=0.0)).id
        parts.queue.put(NewJob(queue=ACTIONS, key=said.key, body=body, run_at=0.0, parent=parent))
        (job,) = parts.queue.claim([ACTIONS], worker="w", lease_seconds=60.0)
        ends.done(parts.queue, job, result=json.dumps({"comment": 12, "url": f"{PAGE}12"}))
    return environ


def test_the_address_of_a_comment_is_explained(environ, capsys):
    """The address of a comment prints its trace in lines."""
    assert why.main(["why", f"{PAGE}12"]) == 0
    told = capsys.readouterr().out
    assert "rule      ping" in told
    assert "`deliveries show g` shows its other actions" in told


def test_the_same_for_programs(environ, capsys):
    """--json prints the action and the delivery."""
    assert why.main(["why", "--json", f"{PAGE}12"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["action"]["rule"], told["delivery"]["guid"]) == ("ping", "g")


def test_other_text_is_wrong_usage(environ, capsys):
    """Other text ends with exit code 2 and an example."""
    with pytest.raises(SystemExit) as ended:
        why.main(["why", "pong!"])
    assert ended.value.code == 2
    assert "#issuecomment-123" in capsys.readouterr().err


def run(*words):
    return dispatch.main(["bot_deploy", "why", *words], dict(os.environ))


def test_a_foreign_comment_is_one_line(environ, capsys):
    """A foreign comment is one line on stderr and exit code 1."""
    assert run(f"{PAGE}99") == 1
    error = capsys.readouterr().err
    assert "the bot knows no action that wrote /repos/snakes/trio/issues/comments/99" in error
    assert error.count("\n") == 1


def test_with_an_app_github_is_asked(environ, capsys, monkeypatch):
    """With an App, GitHub's configured API is asked."""
    github = FakeGithub()
    github.add_repository("snakes/trio")
    github.open_issue("snakes/trio", "alice")
    number = github.comment("snakes/trio", 1, "mallory", "hi").payload["comment"]["id"]
    with github.serve() as server:
        environ |= {
            "GITHUB_APP_ID": str(github.app_id),
            "GITHUB_PRIVATE_KEY": github.private_key,
            "GITHUB_WEBHOOK_SECRET": github.webhook_secret,
            "GITHUB_API_URL": server.url,
        }
        assert run(f"{PAGE}{number}") == 1
    assert "mallory wrote it, not this bot" in capsys.readouterr().err
