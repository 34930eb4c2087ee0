"""docs/tutorial.md: its commands work in order, up to the first welcome.

GitHub is simulated: its API is validated against GitHub's OpenAPI description, and a person presses
the buttons of its pages. The commands' output is compared with the page's examples.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from luggage.fake_github import FakeGithub
from tests.support.documented import blocks, listed
from tests.support.openapi import CheckingServer
from tests.support.registering import Person
from tests.support.running import PATIENCE_SECONDS, ROOT, free_port, until

PAGE = (ROOT / "docs/tutorial.md").read_text()
ORGANIZATION = "example"
COMMANDS = [text.replace("YOUR-ORG", ORGANIZATION) for text in blocks("tutorial")]
MOST_COMMANDS = 10


@pytest.fixture
def checkout(tmp_path):
    """A clone with the environment that `make run` creates."""
    for package in ("bot", "bot_deploy", "luggage"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    for name in ("setup.py", ".gitignore"):
        shutil.copy(ROOT / name, tmp_path)
    bin_directory = tmp_path / ".venv/bin"
    bin_directory.mkdir(parents=True)
    (bin_directory / "activate").write_text(f'PATH="{Path(sys.executable).parent}:$PATH"\n')
    commit = "git init -q . && git add -A && git commit -qm 'As cloned'"
    subprocess.run(["/bin/sh", "-ec", commit], cwd=tmp_path, env=_git(), check=True)
    return tmp_path


def _git():
    names = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
    return {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": os.devnull,
        **dict.fromkeys(names, "a@example.org"),
    }


@pytest.fixture
def github():
    """An organisation with a repository and without our App."""
    fake = FakeGithub(app_slug="somebody-elses")
    fake.add_repository(f"{ORGANIZATION}/hello", installed=False)
    with fake.serve() as site, CheckingServer(fake) as judge:
        fake.world.server_url = site.url
        fake.judge = judge
        yield fake


class Terminal:
    """A shell in which the reader types the page's commands."""

    def __init__(self, directory, github):
        self.port = free_port()
        self._heard = directory / "heard.log"
        self._log = self._heard.open("wb")
        self._shell = subprocess.Popen(
            ["/bin/sh"],
            cwd=directory,
            env=_git()
            | {
                "PYTHONUNBUFFERED": "1",
                "PYTHONDONTWRITEBYTECODE": "1",
                "GITHUB_API_URL": github.judge.url,
                "GITHUB_SERVER_URL": github.world.server_url,
                "PORT": str(self.port),
                "BOT_POLL_SECONDS": "1",
                "BOT_SETTLE_SECONDS": "0",
            },
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    @property
    def said(self):
        return self._heard.read_text()

    def type(self, lines):
        """Type a command without waiting."""
        self._shell.stdin.write(lines)
        self._shell.stdin.flush()

    def run(self, lines):
        """Type a command, wait for it, and return its output; AssertionError if it failed."""
        before = len(self.said)
        self.type(f"{lines}echo done: $?\n")
        self.wait_for("done: ", before)
        said = self.said[before:]
        assert said.endswith("done: 0\n"), said
        return said

    def wait_for(self, words, since=0):
        until(lambda: words in self.said[since:], f"{words!r} after {self.said[since:]}")

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._shell.pid, signal.SIGTERM)
        self._shell.stdin.close()
        self._shell.wait(PATIENCE_SECONDS)
        self._log.close()


@pytest.fixture
def terminal(checkout, github):
    made = Terminal(checkout, github)
    yield made
    made.end()


def lines_of(text, github):
    """The lines, with variable parts normalized."""
    for there, here in ((github.world.server_url, "SITE"), (github.judge.url, "API")):
        text = text.replace(there, here)
    text = text.replace("https://api.github.com", "API").replace("https://github.com", "SITE")
    text = text.replace("YOUR-ORG", ORGANIZATION)
    return [re.sub(r"\d+(\.\d+)?", "0", line.rstrip()) for line in text.splitlines()]


def assert_shown(said, github, number):
    """The page's example equals the output, line by line."""
    shown = blocks("tutorial", "text")[number]
    heard = lines_of(said, github)
    missing = [line for line in lines_of(shown, github) if line not in heard]
    assert missing == [], said


def test_the_tutorial_leads_to_the_first_welcome(checkout, github, terminal):
    """The tutorial works: key, App, installation, doctor, start, pong, welcome."""
    activate, keygen, register, doctor, start = COMMANDS
    terminal.run(activate)
    terminal.run(keygen)

    before = len(terminal.said)
    terminal.type(f"{register}echo done: $?\n")
    terminal.wait_for("Press Ctrl-C to stop.")
    address = re.search(r"http://127\S+", terminal.said)[0]
    person = Person(address)
    person.start()
    terminal.wait_for("done: ", before)
    person.join()
    assert terminal.said.endswith("done: 0\n"), terminal.said
    assert_shown(terminal.said, github, 0)
    assert_shown(terminal.said, github, 1)

    install = Person(re.search(r"\S+/installations/new", terminal.said)[0])
    install.run()
    assert "is installed" in install.pages[-1]

    assert_shown(terminal.run(doctor), github, 2)

    terminal.type(start)
    page = f"http://localhost:{terminal.port}/"
    until(lambda: is_ready(page), "the bot is ready")
    until(lambda: "bored" in requests.get(page, timeout=5).text, "the bot is bored")
    repository = f"{ORGANIZATION}/hello"
    assert github.notify(*github.open_issue(repository, "you", body="/ping")) == 502
    until(lambda: github.comments(repository, 1), "the ping is answered")
    github.notify(*github.merge_pull_request(repository, "tamiko"))
    until(lambda: github.comments(repository, 2), "the welcome is there")
    assert github.comments(repository, 1)[0].body.startswith("pong!")
    assert github.membership(ORGANIZATION, "tamiko").state == "pending"
    welcome = re.findall(r"^> (.+)$", PAGE, re.MULTILINE)
    said = " ".join(github.comments(repository, 2)[0].body.split())
    assert " ".join(welcome).replace("YOUR-ORG", ORGANIZATION) in said
    terminal.end()

    # The reader's values and key lie where git does not look, and no file of the project changed.
    changed = ["git", "status", "--porcelain"]
    assert subprocess.check_output(changed, cwd=checkout, env=_git(), text=True) == "?? heard.log\n"
    assert (checkout / "var/secret.key").exists()
    assert [each for each in github.judge.violations if not is_of_the_site(each)] == []


def is_of_the_site(violation):
    """GitHub's pages, which are not part of its API."""
    return "no such operation" in violation and "/settings/" in violation


def is_ready(page):
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"{page}readyz", timeout=5).status_code == 200
    return False


def test_the_tutorial_is_short():
    """From the clone to the first welcome there are at most ten commands."""
    way = [block.text for block in listed("tutorial") if block.kind in ("sh demo", "sh")]
    assert len("".join(way).splitlines()) <= MOST_COMMANDS
