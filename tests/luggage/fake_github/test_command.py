"""`python -m luggage.fake_github`: a simulated GitHub to play with."""

import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from luggage.fake_github import Answer, FakeGithub, HttpServer, Outcome
from luggage.fake_github.__main__ import main


def _ctrl_c(lines=()):
    yield from lines
    raise KeyboardInterrupt


def test_it_tells_how_to_configure_a_bot():
    """It prints the address, the App's id, the secret and the key's file, and ends with Ctrl-C."""
    out = io.StringIO()
    assert main([], typed=_ctrl_c(), out=out) == 0
    names = re.findall(r"^([\w ]+):", out.getvalue(), re.MULTILINE)
    assert names == [
        "url",
        "app id",
        "private key",
        "webhook secret",
        "installation",
        "pull request",
    ]


def test_what_is_typed_is_delivered(clock):
    """Each line is a comment, delivered to the bot; blank lines are not."""
    received = []

    def handle(request):
        received.append(request.json["comment"]["body"])
        return Outcome(answer=Answer(202))

    out = io.StringIO()
    with HttpServer(handle, clock=clock) as bot:
        main(["--webhook-url", bot.url], typed=_ctrl_c(["/ping\n", "\n"]), out=out)
    assert received == ["/ping"]
    assert "you comments on example/hello#1: /ping\n  delivered: 202\n" in out.getvalue()


def test_nobody_listens_is_said(clock):
    """Where no bot listens, that is said."""
    with HttpServer(lambda _request: Outcome(answer=Answer(202)), clock=clock) as bot:
        pass
    out = io.StringIO()
    main(["--webhook-url", bot.url], typed=_ctrl_c(["/ping"]), out=out)
    assert "delivered: 502 (connection failed)" in out.getvalue()


def test_a_pull_request_can_be_merged(clock):
    """`merge NAME` is a merged pull request of that person, delivered like all else."""
    received = []

    def handle(request):
        received.append(request.json["pull_request"])
        return Outcome(answer=Answer(202))

    out = io.StringIO()
    with HttpServer(handle, clock=clock) as bot:
        main(["--webhook-url", bot.url], typed=_ctrl_c(["merge tamiko\n"]), out=out)
    assert [(one["user"]["login"], one["merged"]) for one in received] == [("tamiko", True)]
    assert "maintainer merges tamiko's pull request example/hello#2" in out.getvalue()


def test_an_app_that_is_not_installed_is_told_of_nothing(monkeypatch):
    """As after a registration: an App that exists, and may do nothing yet."""

    def without_installations():
        for fake in made:
            fake.world.installations.clear()
        yield "Hello"
        raise KeyboardInterrupt

    made = []
    monkeypatch.setattr(
        "luggage.fake_github.__main__.FakeGithub",
        lambda **options: made.append(FakeGithub(**options)) or made[-1],
    )
    out = io.StringIO()
    main(["--webhook-url", "http://127.0.0.1:1"], typed=without_installations(), out=out)
    assert "not delivered: the App is not installed" in out.getvalue()


def test_without_a_bot_comments_are_only_made():
    """Without an address a line is a comment that nobody is told of."""
    out = io.StringIO()
    main([], typed=_ctrl_c(["Hello"]), out=out)
    assert "you comments on example/hello#1: Hello" in out.getvalue()
    assert "delivered" not in out.getvalue()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(number):
    """SIGINT and SIGTERM end it with exit code 0, nothing on stderr, and the key file removed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "luggage.fake_github"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    told = ""
    while "Press Ctrl-C to stop." not in told:
        told += process.stdout.readline()
    key = Path(re.search(r"private key: *(.*)", told)[1])
    mode = key.stat().st_mode & 0o777
    os.kill(process.pid, number)
    _, complaints = process.communicate(timeout=10)
    assert (process.returncode, complaints, mode, key.exists()) == (0, "", 0o600, False)
