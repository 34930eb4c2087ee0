"""Tests of `python -m luggage.fake_github`."""

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


def test_settings_are_printed():
    """It prints the URL, the App's id, the secret and the key file, and ends on Ctrl-C."""
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


def test_typed_lines_are_delivered(clock):
    """Each non-blank line is delivered to the bot as a comment."""
    received = []

    def handle(request):
        received.append(request.json["comment"]["body"])
        return Outcome(answer=Answer(202))

    out = io.StringIO()
    with HttpServer(handle, clock=clock) as bot:
        main(["--webhook-url", bot.url], typed=_ctrl_c(["/ping\n", "\n"]), out=out)
    assert received == ["/ping"]
    assert "you comments on example/hello#1: /ping\n  delivered: 202\n" in out.getvalue()


def test_failed_connection_is_reported(clock):
    """It reports a failed connection to the bot."""
    with HttpServer(lambda _request: Outcome(answer=Answer(202)), clock=clock) as bot:
        pass
    out = io.StringIO()
    main(["--webhook-url", bot.url], typed=_ctrl_c(["/ping"]), out=out)
    assert "delivered: 502 (connection failed)" in out.getvalue()


def test_a_pull_request_can_be_merged(clock):
    """`merge NAME` merges a pull request by that person and delivers the event."""
    received = []

    def handle(request):
        received.append(request.json["pull_request"])
        return Outcome(answer=Answer(202))

    out = io.StringIO()
    with HttpServer(handle, clock=clock) as bot:
        main(["--webhook-url", bot.url], typed=_ctrl_c(["merge tamiko\n"]), out=out)
    assert [(one["user"]["login"], one["merged"]) for one in received] == [("tamiko", True)]
    assert "maintainer merges tamiko's pull request example/hello#2" in out.getvalue()


def test_uninstalled_app_gets_no_delivery(monkeypatch):
    """It reports that nothing is delivered while the App is not installed."""

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


def test_lines_without_a_bot_become_comments():
    """Without a webhook URL a line only becomes a comment."""
    out = io.StringIO()
    main([], typed=_ctrl_c(["Hello"]), out=out)
    assert "you comments on example/hello#1: Hello" in out.getvalue()
    assert "delivered" not in out.getvalue()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_cleanly(number):
    """SIGINT and SIGTERM end it with exit code 0, no stderr, and the key file removed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "luggage.fake_github"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    output = ""
    while "Press Ctrl-C to stop." not in output:
        output += process.stdout.readline()
    key = Path(re.search(r"private key: *(.*)", output)[1])
    mode = key.stat().st_mode & 0o777
    os.kill(process.pid, number)
    _, complaints = process.communicate(timeout=10)
    assert (process.returncode, complaints, mode, key.exists()) == (0, "", 0o600, False)
