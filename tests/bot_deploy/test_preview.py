"""The subcommand `preview`."""

import json
import os

import pytest

from bot.events import DELIVERIES
from bot_deploy import preview
from bot_deploy.__main__ import main
from bot_deploy.config import load
from bot_deploy.wiring.parts import open_parts
from luggage.fake_github import FakeGithub
from luggage.jobs import NewJob
from tests.support.migrated import migrated_for

APP = {"GITHUB_APP_ID": "1", "GITHUB_PRIVATE_KEY": "-", "GITHUB_WEBHOOK_SECRET": "s3cret"}
TRIO = "snakes/trio"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run `preview` on a text, against a database that holds one /ping."""
    environ = APP | {"BOT_DATA": str(tmp_path)}
    monkeypatch.setattr(os, "environ", environ)
    config = load(environ)
    migrated_for(config)
    github = FakeGithub()
    github.open_issue(TRIO, "bob")
    happening = github.comment(TRIO, 1, "bob", "/ping")
    body = json.dumps(happening.payload).encode()
    new = NewJob(
        queue=DELIVERIES, key="g", subject=f"{TRIO}#1", kind=happening.event, body=body, run_at=0.0
    )
    with open_parts(config) as parts:
        parts.queue.put(new)

    def do(text, *arguments):
        path = tmp_path / "bot.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return preview.main(["preview", str(path), "--repository", TRIO, *arguments])

    return do


def test_the_differences_are_listed(run, capsys):
    """The output has a headline, a line for each difference, and its basis."""
    assert run("[ping]\nenabled = false\n") == 0
    assert capsys.readouterr().out.splitlines() == [
        "1 comment less, 1 reaction less.",
        f"less   comment on {TRIO}#1, because of {TRIO}#1",
        f"less   react with heart in {TRIO}, because of {TRIO}#1",
        "Evaluated the only stored delivery; asked GitHub 0 questions.",
    ]


def test_json_is_for_programs(run, capsys):
    """--json prints the same as an object."""
    assert run("[ping]\nenabled = false\n", "--json", "--last", "5") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["deliveries"], [each["kind"] for each in found["differences"]]) == (
        1,
        ["comment", "react"],
    )


def test_a_wrong_file_is_reported_with_line_and_column(run, capsys, tmp_path):
    """Each problem is a line with file, line and column; exit code 1."""
    assert run("[ping]\nenabled = 1\n[invit]\n") == 1
    path = tmp_path / "bot.toml"
    first, second = capsys.readouterr().err.splitlines()
    assert first == f"{path}:2:1: ping.enabled must be true or false, not 1"
    assert second.startswith(f"{path}:3:1: invit is not a rule")


def test_a_missing_file_is_a_failure(capsys, monkeypatch, tmp_path):
    """A missing file is one line with its name."""
    monkeypatch.chdir(tmp_path)
    command = ["python -m bot_deploy", "preview", "no-such.toml", "--repository", TRIO]
    assert main(command, {}) == 1
    words = "python -m bot_deploy preview: no-such.toml: No such file or directory"
    assert capsys.readouterr().err.startswith(words)


def test_a_file_in_another_encoding_is_reported_with_the_remedy(run, capsys, tmp_path):
    """Bytes that are no UTF-8 are a problem of the file, as they are at GitHub."""
    assert run(b"\xff") == 1
    path = tmp_path / "bot.toml"
    assert f"{path}: must be encoded in UTF-8; save it in that encoding" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--repository", "snakes"], ["--repository", "a/b/c"], ["--last", "0"]]
)
def test_wrong_usage_ends_with_2(run, arguments):
    """Invalid arguments end with exit code 2."""
    with pytest.raises(SystemExit) as ended:
        run("", *arguments)
    assert ended.value.code == 2
