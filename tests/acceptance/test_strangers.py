"""The web process, without a proxy, under strangers: honest deliveries are all answered."""

import contextlib
import resource
import socket
import sys
import threading
from collections import Counter

import pytest
import requests

from luggage.database import migrate, open_engine
from luggage.fake_github import FakeGithub
from tests.bot.conftest import HISTORIES
from tests.support.running import free_port, running, until

SILENT = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
LARGEST = 25 * 1024 * 1024
IDLE = 2_400
# With the soft limit of a login shell and no right to raise it.
LIMITED = ("sh", "-c", 'ulimit -n 1024; exec "$0" -m bot_deploy "$@"', sys.executable)


@pytest.fixture
def github():
    fake = FakeGithub()
    fake.add_repository("snakes/trio")
    return fake


@pytest.fixture
def web(github, tmp_path):
    """Starts the web process alone."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    settings = {
        "GITHUB_APP_ID": str(github.app_id),
        "GITHUB_PRIVATE_KEY": github.private_key,
        "GITHUB_WEBHOOK_SECRET": github.webhook_secret,
        "GITHUB_API_URL": f"http://127.0.0.1:{free_port()}",
    }
    engine = open_engine(f"sqlite:///{data / 'bot.sqlite'}")
    migrate(engine, HISTORIES, log=lambda _: None)
    engine.dispose()

    @contextlib.contextmanager
    def start(**more):
        with running(data, settings, arguments=("gunicorn",), **more) as bot:
            until(lambda: is_alive(bot) or bot.process.poll() is not None, "the bot serves")
            yield bot

    return start


def is_alive(bot):
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"{bot.url}/healthz", timeout=5).status_code == 200
    return False


def deliver(github, bot, number):
    """The status of `number` honest deliveries, each on a connection of its own."""
    found = Counter()
    for each in range(number):
        happening = github.open_issue("snakes/trio", "ada", f"Issue {each}")
        headers, body = github.signed(*happening, delivery_id=f"guid-{each}")
        try:
            answer = requests.post(bot.hook, data=body, headers=headers, timeout=10)
            found[answer.status_code] += 1
        except requests.RequestException as error:
            found[type(error).__name__] += 1
    return found


@contextlib.contextmanager
def meanwhile(work):
    """Run `work(stop)` in a thread during the block."""
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("path", [b"/webhook/github", b"/console/sign-in", b"/nowhere"])
def test_silent_connections_that_announce_much_refuse_nobody(web, github, path):
    """24 of them announce 25 MB each, and three more come every second."""
    with web() as bot, contextlib.ExitStack() as stack:
        address = ("127.0.0.1", int(bot.url.rpartition(":")[2]))

        def connect():
            client = stack.enter_context(socket.create_connection(address))
            client.sendall(SILENT % (path, LARGEST))

        def keep_coming(stop):
            while not stop.wait(1 / 3):
                connect()

        for _ in range(24):
            connect()
        with meanwhile(keep_coming):
            assert deliver(github, bot, 100) == {202: 100}


@pytest.mark.parametrize("said", [b"", b"POST /webhook/github HTT"], ids=["silent", "half a head"])
def test_more_idle_connections_than_open_files_refuse_nobody(web, github, said):
    """2,400 of them, under `ulimit -n 1024`; the start warns of the limit."""
    with web(program=LIMITED) as bot, contextlib.ExitStack() as stack:
        address = ("127.0.0.1", int(bot.url.rpartition(":")[2]))
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < IDLE + 500:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, IDLE + 500), hard))
            stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(IDLE):
            client = stack.enter_context(socket.create_connection(address))
            client.sendall(said)
        assert deliver(github, bot, 100) == {202: 100}
        assert "at most 768 connections" in bot.output
        assert "ERROR" not in bot.output
