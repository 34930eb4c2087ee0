"""Supervision: killed processes restart, and a shutdown is complete and orderly."""

import contextlib
import html
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from luggage.fake_github import FakeGithub
from tests.support.running import Running, running, until

REPO = "snake-charmers/terrarium"
# The supervisor, the loop, gunicorn and its two workers.
FAMILY = 5


@pytest.fixture
def github() -> FakeGithub:
    """The bot's GitHub."""
    return FakeGithub()


@contextlib.contextmanager
def settings_for(github: FakeGithub) -> Iterator[dict[str, str]]:
    """The environment of a bot of that GitHub."""
    with github.serve() as server:
        yield {
            "GITHUB_APP_ID": str(github.app_id),
            "GITHUB_PRIVATE_KEY": github.private_key,
            "GITHUB_WEBHOOK_SECRET": github.webhook_secret,
            "GITHUB_API_URL": server.url,
        }


@pytest.fixture
def settings(github: FakeGithub) -> Iterator[dict[str, str]]:
    """The environment of a bot of the test's own GitHub."""
    with settings_for(github) as environ:
        yield environ


def all_there(bot: Running) -> bool:
    """Whether all processes run: one worker may respond while the other starts."""
    return len(family(bot)) == FAMILY


@pytest.fixture
def bot(settings: dict[str, str], tmp_path: Path) -> Iterator[Running]:
    """A running bot for a test that ends it."""
    with running(tmp_path, settings) as started:
        started.wait_until_ready()
        until(lambda: all_there(started), "everybody is there")
        yield started


@dataclass(frozen=True)
class Survivor:
    """A bot, its GitHub, its environment and its data directory."""

    bot: Running
    github: FakeGithub
    settings: dict[str, str]
    data: Path


@pytest.fixture(scope="module")
def one_bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survivor]:
    """A bot shared by the tests that it survives."""
    github, data = FakeGithub(), tmp_path_factory.mktemp("survivor")
    with settings_for(github) as environ, running(data, environ) as started:
        started.wait_until_ready()
        yield Survivor(started, github, environ, data)


@pytest.fixture
def survivor(one_bot: Survivor) -> Survivor:
    """The same bot, complete again after the previous test."""
    until(lambda: all_there(one_bot.bot), "everybody is there")
    return one_bot


def children(pid: int) -> dict[int, str]:
    """The living children of a process: pid -> command line."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            is_child = re.search(rf"^PPid:\t{pid}$", status.read_text(), re.MULTILINE)
            command = (status.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it ended meanwhile
            continue
        if is_child and command:  # a zombie has no command line
            found[int(status.parent.name)] = command
    return found


def child(bot: Running, name: str) -> int | None:
    """The pid of the child that runs this subcommand."""
    living = children(bot.process.pid).items()
    return next((pid for pid, command in living if f"bot_deploy {name}" in command), None)


def family(bot: Running) -> set[int]:
    """The supervisor, its children, and the workers."""
    first = set(children(bot.process.pid))
    return {bot.process.pid, *first, *(worker for pid in first for worker in children(pid))}


def is_gone(pid: int) -> bool:
    """Whether a process has ended; a zombie has."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def answers_ping(bot: Running, github: FakeGithub) -> bool:
    """Whether a command is answered, which needs web process, database and loop."""
    event = github.open_issue(REPO, "tamiko", body="/ping")
    number = event.payload["issue"]["number"]
    if github.deliver(*event, to=bot.hook) != 202:
        return False
    until(lambda: github.comments(REPO, number), "the bot answers")
    return True


@pytest.mark.parametrize("name", ["gunicorn", "loop"])
def test_a_killed_process_is_running_again(survivor: Survivor, name: str) -> None:
    """After `kill -9` gunicorn or the loop is replaced; test_run checks the time."""
    bot = survivor.bot
    killed = child(bot, name)
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    until(lambda: child(bot, name) not in {None, killed}, f"{name} is started again")
    until(lambda: answers_ping(bot, survivor.github), "the bot works again")


def test_a_killed_worker_is_replaced(survivor: Survivor) -> None:
    """After `kill -9` of a worker the other one responds, and a second one starts."""
    master = child(survivor.bot, "gunicorn")
    assert master is not None
    until(lambda: len(children(master)) == 2, "both workers live")
    killed = next(iter(children(master)))
    os.kill(killed, signal.SIGKILL)
    assert answers_ping(survivor.bot, survivor.github)
    until(lambda: len(children(master).keys() - {killed}) == 2, "the worker is replaced")


def test_it_comes_back_however_often_it_is_killed(survivor: Survivor) -> None:
    """The fourth restart works like the first."""
    bot = survivor.bot
    for _ in range(4):
        until(lambda: child(bot, "loop"), "the loop lives")
        killed = child(bot, "loop")
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        until(lambda killed=killed: is_gone(killed), "it is dead")
    until(lambda: child(bot, "loop"), "it is back")


def test_readyz_tells_the_truth_without_the_loop(settings: dict[str, str], tmp_path: Path) -> None:
    """A web process alone is alive, and not ready."""
    with running(tmp_path, settings, arguments=("migrate",)) as migration:
        assert migration.process.wait(60) == 0
    with running(tmp_path, settings, arguments=("gunicorn",)) as web:
        until(lambda: answer(web, "/healthz") == 200, "the web process lives")
        assert answer(web, "/readyz") == 503


def answer(bot: Running, path: str) -> int:
    """The status of a page; 0 without a response."""
    try:
        return requests.get(bot.url + path, timeout=5).status_code
    except requests.RequestException:
        return 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything_with_exit_code_0(bot: Running, number: signal.Signals) -> None:
    """SIGTERM or Ctrl-C ends all processes with exit code 0 and no traceback."""
    everyone = family(bot)
    assert bot.end(number) == 0
    assert all(map(is_gone, everyone))
    assert "Traceback" not in bot.output


def test_a_ctrl_c_hits_the_whole_process_group(bot: Running) -> None:
    """A SIGINT to all processes at once, as from a terminal, ends them orderly."""
    everyone = family(bot)
    os.killpg(bot.process.pid, signal.SIGINT)
    assert bot.process.wait(60) == 0
    assert all(map(is_gone, everyone))
    assert "Traceback" not in bot.output


def test_an_early_ctrl_c_is_as_orderly(settings: dict[str, str], tmp_path: Path) -> None:
    """Ctrl-C during the start leaves no traceback and no process."""
    with running(tmp_path, settings) as bot:
        until(lambda: children(bot.process.pid), "a child is born")
        everyone = family(bot)
        os.killpg(bot.process.pid, signal.SIGINT)
        assert bot.process.wait(60) == 0
        until(lambda: all(map(is_gone, everyone)), "nothing is left")
        assert "Traceback" not in bot.output


def test_children_end_with_a_supervisor_that_was_killed(bot: Running) -> None:
    """After `kill -9` of `start` the children and workers end by themselves."""
    everyone = family(bot)
    os.kill(bot.process.pid, signal.SIGKILL)
    until(lambda: all(map(is_gone, everyone)), "nothing is left running")


def test_nothing_secret_is_written_or_handed_on_in_clear(survivor: Survivor) -> None:
    """No file of ncolony or command line has a secret; test_least_privilege.py goes further."""
    bot, settings = survivor.bot, survivor.settings
    secrets = [settings["GITHUB_WEBHOOK_SECRET"], settings["GITHUB_PRIVATE_KEY"].split("\n")[1]]
    (home,) = survivor.data.glob("ncolony-*")
    written = [file.read_text() for file in home.rglob("*") if file.is_file()]
    assert len(written) == 3
    written += [Path(f"/proc/{pid}/cmdline").read_text() for pid in children(bot.process.pid)]
    assert not [secret for secret in secrets if secret in "".join(written)]


def test_the_directories_of_ncolony_are_gone_at_the_end(bot: Running, tmp_path: Path) -> None:
    """An orderly shutdown leaves no file of ncolony in the data directory."""
    bot.end()
    assert list(tmp_path.glob("ncolony-*")) == []


def test_each_line_carries_the_name_of_its_process(bot: Running, github: FakeGithub) -> None:
    """Each line of the log names its process; it says when it is ready, and a stop is no error."""
    answers_ping(bot, github)
    until(lambda: "ready: evaluates deliveries" in bot.output, "it says so")
    bot.end()
    page = f"status page: {bot.url.replace('127.0.0.1', 'localhost')}/"
    assert bot.output.index("Listening at") < bot.output.index(page)
    assert "Error" not in bot.output
    names = {match[1] for match in re.finditer(r"Z [A-Z]+ +([a-z]+)\[\d+\] ", bot.output)}
    assert names >= {"start", "gunicorn", "loop"}


def test_a_taken_port_is_one_line_and_exit_code_1(settings: dict[str, str], tmp_path: Path) -> None:
    """The web process reports the error and the remedy, without a traceback."""
    with socket.create_server(("0.0.0.0", 0)) as other:
        environ = settings | {"PORT": str(other.getsockname()[1]), "GITHUB_PRIVATE_KEY": ""}
        with running(tmp_path, environ, arguments=("gunicorn",)) as web:
            assert web.process.wait(60) == 1
            (line,) = web.output.splitlines()
    assert "in use by another program" in line
    assert "set PORT" in line


def test_a_port_that_is_taken_ends_the_start(settings: dict[str, str], tmp_path: Path) -> None:
    """One line with the remedy and exit code 1, and no status page is announced."""
    with socket.create_server(("0.0.0.0", 0)) as other:
        environ = settings | {"PORT": str(other.getsockname()[1])}
        with running(tmp_path, environ) as bot:
            assert bot.process.wait(60) == 1
    (line,) = bot.output.splitlines()
    assert "in use by another program: stop that, or set PORT" in line


def test_without_an_app_start_says_what_to_do(tmp_path: Path) -> None:
    """Without an App and demo it ends with exit code 1 and one line with the remedy."""
    with running(tmp_path, {}) as bot:
        assert bot.process.wait(60) == 1
    (line,) = bot.output.splitlines()
    assert "GITHUB_APP_ID" in line


def test_the_demo_does_what_it_says(tmp_path: Path) -> None:
    """Without an App, `start --or-demo` plays the demo; a Ctrl-C ends it with exit code 0."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environ = {"TMPDIR": str(temporary)}
    with running(tmp_path, environ, arguments=("start", "--or-demo")) as demo:
        until(lambda: "← the bot comments on" in demo.output, "the bot comments")
        everyone = family(demo)
        (home,) = temporary.iterdir()
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        thread = re.search(r"^ +(http://\S+/issues/1)$", demo.output, re.MULTILINE)
        assert "Thank you, @" in requests.get(thread[1], timeout=10).text
        sign_in = html.unescape(requests.get(f"{demo.url}/console/sign-in", timeout=10).text)
        assert f"BOT_DATA={home} python -m bot_deploy console" in sign_in
        os.killpg(demo.process.pid, signal.SIGINT)
        assert demo.process.wait(60) == 0
    assert all(map(is_gone, everyone))
    assert not any(temporary.iterdir())
    assert "No GitHub App is configured" in demo.output
    assert demo.url in demo.output
    assert "Traceback" not in demo.output


def test_a_demo_of_so_many_deliveries_ends_by_itself(tmp_path: Path) -> None:
    """With `--deliveries` the demo ends by itself with a summary."""
    arguments = ("demo", "--deliveries", "4", "--every", "0", "--seed", "7")
    with running(tmp_path, {}, arguments=arguments) as demo:
        assert demo.process.wait(120) == 0
    assert len([line for line in demo.output.splitlines() if line.startswith("→")]) == 4
    assert "1 person invited, 2 comments" in demo.output


def test_the_list_of_subcommands_needs_nothing(tmp_path: Path) -> None:
    """Without arguments it lists each subcommand, with exit code 0."""
    command = [sys.executable, "-m", "bot_deploy"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for name in ("start", "gunicorn", "loop", "demo", "migrate"):
        assert re.search(rf"^  {name} +\w", done.stdout, re.MULTILINE)
