"""The subcommand `replay`."""

import importlib
import io
import json
import os
import sys
from pathlib import Path

import pytest

from bot.events import DELIVERIES
from bot.operations.history.deliveries import UnknownDelivery
from bot.store.audit import AuditLog
from bot_deploy import replay
from bot_deploy.config import load
from bot_deploy.wiring.parts import clock, open_parts
from luggage.fake_github import FakeGithub
from luggage.jobs import NewJob, State
from tests.support import ends
from tests.support.migrated import migrated_for

dispatch = importlib.import_module("bot_deploy.__main__")
TRIO = "snakes/trio"


@pytest.fixture(scope="module")
def github():
    """A simulated GitHub with an issue to speak on."""
    fake = FakeGithub()
    fake.add_repository(TRIO)
    fake.open_issue(TRIO, "alice")
    return fake


@pytest.fixture(scope="module")
def api(github):
    with github.serve() as server:
        yield server.url


@pytest.fixture
def queue(tmp_path, monkeypatch, github, api):
    """The queue of a bot that talks to the simulated GitHub."""
    environ = {
        "GITHUB_APP_ID": str(github.app_id),
        "GITHUB_PRIVATE_KEY": github.private_key,
        "GITHUB_WEBHOOK_SECRET": github.webhook_secret,
        "GITHUB_API_URL": api,
        "BOT_DATA": str(tmp_path),
    }
    monkeypatch.setattr(os, "environ", environ)
    migrated_for(load(environ))
    with open_parts(load(environ)) as parts:
        yield parts.queue


@pytest.fixture
def ping(github, tmp_path):
    """A file with the payload of a comment that says /ping."""
    path = tmp_path / "ping.json"
    path.write_text(json.dumps(github.comment(TRIO, 1, "alice", "/ping").payload))
    return str(path)


def run(*words):
    return replay.main(["replay", *words])


def test_a_dry_run_of_a_file(queue, ping, github, capsys):
    """The actions in words; the queue stays empty, and GitHub unwritten."""
    before = len(github.comments(TRIO, 1))
    assert run(ping, "--event", "issue_comment", "--dry-run") == 0
    told = capsys.readouterr().out
    assert "1. comment on snakes/trio#1\n" in told
    assert "| pong!" in told
    assert "Dry run: nothing was queued, and nothing was written at GitHub." in told
    assert (queue.counts(), len(github.comments(TRIO, 1))) == ({}, before)


def test_a_file_is_put_into_the_queue(queue, ping, capsys):
    """A file becomes a ready delivery, and a second time the same one."""
    assert run(ping, "--event", "issue_comment") == 0
    assert run(ping, "--event", "issue_comment") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith(": the loop will evaluate it")
    assert second.endswith(": the loop will evaluate it again")
    assert queue.counts() == {(DELIVERIES, State.READY): 1}


def test_a_file_may_come_through_a_pipe(queue, ping, monkeypatch, capsys):
    """`-` reads the file from stdin."""
    stdin = io.TextIOWrapper(io.BytesIO(Path(ping).read_bytes()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert run("-", "--event", "issue_comment") == 0
    assert queue.counts() == {(DELIVERIES, State.READY): 1}


def test_a_stored_delivery_is_decided_again(queue, ping, capsys):
    """A stored delivery can be replayed or tried by the beginning of its GUID."""
    run(ping, "--event", "issue_comment")
    (job,) = queue.claim([DELIVERIES], worker="w", lease_seconds=60.0)
    ends.ignore(queue, job, "noise")
    assert run("replay-", "--dry-run") == 0
    assert run("replay-") == 0
    assert "2 of 2 would be done." in capsys.readouterr().out
    assert queue.get(job.id).state is State.READY
    with open_parts(load(os.environ)) as parts:
        noted = AuditLog(parts.engine, clock=clock).entries()
    assert [(each.what, each.delivery) for each in noted] == [("run rules again", job.id)] * 2


def test_earlier_actions_are_listed(queue, ping, capsys):
    """Earlier actions are listed with their states."""
    run(ping, "--event", "issue_comment")
    (job,) = queue.claim([DELIVERIES], worker="w", lease_seconds=60.0)
    known = NewJob(queue="action", key="comment:x", body=b"{}", run_at=0.0, parent=job.id)
    ends.done(queue, job, put=[known])
    capsys.readouterr()
    assert run("replay-") == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "Earlier actions, which are not repeated:",
        "   comment:x: ready",
    ]


def test_an_unknown_delivery_may_be_a_misspelt_file(queue):
    """The error names a delivery and a file."""
    with pytest.raises(UnknownDelivery, match="no delivery nope, and there is no such file"):
        run("nope")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["gone.json"], "No such file"),
        (["nope"], "no delivery nope"),
        (["-"], "add --event"),
    ],
)
def test_an_invalid_file_is_one_line(queue, words, told, capsys, monkeypatch):
    """An invalid file is one line on stderr and exit code 1."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"{}")))
    assert dispatch.main(["bot_deploy", "replay", *words], dict(os.environ)) == 1
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_a_github_that_cannot_be_reached_is_a_line(queue, ping, capsys, monkeypatch):
    """A dry run without GitHub's answer is one line on stderr."""
    monkeypatch.setitem(os.environ, "GITHUB_API_URL", "http://127.0.0.1:9")
    words = ["bot_deploy", "replay", ping, "--event", "issue_comment", "--dry-run"]
    assert dispatch.main(words, dict(os.environ)) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_an_event_is_for_a_file(queue, capsys):
    """--event with a GUID ends with exit code 2."""
    with pytest.raises(SystemExit) as ended:
        run("72d3", "--event", "star")
    assert ended.value.code == 2
