"""The web process, without a proxy, under strangers: honest deliveries are all answered."""

import contextlib
import itertools
import resource
import socket
import struct
import sys
import threading
import time
from collections import Counter
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from luggage.database import migrate, open_engine
from luggage.fake_github import FakeGithub, faults
from tests.bot.conftest import HISTORIES
from tests.support.running import running, until

SILENT = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
CALLBACK = "http://bot.example/console/sign-in/callback"
LARGEST = 25 * 1024 * 1024
IDLE = 2_400
# With the soft limit of a login shell and no right to raise it.
LIMITED = ("sh", "-c", 'ulimit -n 1024; exec "$0" -m bot_deploy "$@"', sys.executable)


@pytest.fixture
def github():
    fake = FakeGithub(app_owner="snakes", callback_urls=[CALLBACK])
    fake.add_organization("snakes")
    fake.add_member("snakes", "olga", role="admin")
    fake.add_repository("snakes/trio")
    fake.set_browser_user("olga")
    with fake.serve() as server:
        fake.server = server
        yield fake


@pytest.fixture
def web(github, tmp_path):
    """Starts the web process alone."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    settings = {
        "GITHUB_APP_ID": str(github.app_id),
        "GITHUB_PRIVATE_KEY": github.private_key,
        "GITHUB_WEBHOOK_SECRET": github.webhook_secret,
        "GITHUB_CLIENT_ID": github.world.app.client_id,
        "GITHUB_CLIENT_SECRET": github.world.app.client_secret,
        "GITHUB_API_URL": github.server.url,
        "GITHUB_SERVER_URL": github.server.url,
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


def begin(bot, browser):
    """Start a sign-in; return GitHub's address."""
    address = f"{bot.url}/console/sign-in/github"
    return browser.get(address, allow_redirects=False, timeout=30).headers["Location"]


def call_back(bot, browser, **query):
    """The status of the callback."""
    address = f"{bot.url}/console/sign-in/callback"
    return browser.get(address, params=query, allow_redirects=False, timeout=30).status_code


def sign_in(bot):
    """The status of an owner's sign-in."""
    with requests.Session() as browser:
        there = begin(bot, browser)
        back = browser.get(there, allow_redirects=False, timeout=30).headers["Location"]
        query = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
        return call_back(bot, browser, **query)


@pytest.mark.parametrize("begins", [False, True], ids=["invented", "begun"])
def test_strangers_who_sign_in_again_and_again_lock_nobody_out(web, github, begins):
    """Eight of them send bad codes without a pause, while GitHub answers slowly."""
    slow = faults.slow(0.2)
    github.faults.append(faults.plan(slow, path="/login/oauth/access_token", times=None))

    def attack(stop):
        with requests.Session() as browser:
            state = "x"
            while not stop.is_set():
                if begins:
                    state = parse_qs(urlsplit(begin(bot, browser)).query)["state"][0]
                with contextlib.suppress(requests.RequestException):
                    call_back(bot, browser, code="bad", state=state)

    with web() as bot, contextlib.ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(meanwhile(attack))
        assert [sign_in(bot) for _ in range(5)] == [303] * 5
        assert deliver(github, bot, 10) == {202: 10}
    asked = len(github.calls_to("POST", "/login/oauth/access_token"))
    assert (asked > 5) is begins


LEAVING = [
    b"",
    b"POST /webhook/github HT",
    SILENT % (b"/webhook/github", 9) + b"x",
    SILENT % (b"/", 0) * 3,
    (SILENT % (b"/webhook/github", 2) + b"hi") * 3,
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 5,
    b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" * 5,
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" * 3,
    b"GET /console HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP",
    SILENT.replace(b"x", b"x\r\nExpect: 100-continue") % (b"/webhook/github", 9),
]


def raw(github):
    """The bytes of a signed delivery."""
    headers, body = github.signed(*github.open_issue("snakes/trio", "ada", "Raw"))
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = ["POST /webhook/github HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join([*head, "", ""]).encode() + body


def test_clients_that_leave_are_no_crash_reports(web, github):
    """Whenever and however a connection ends, nothing is logged as an error."""
    with web() as bot:
        address = ("127.0.0.1", int(bot.url.rpartition(":")[2]))
        resetting = struct.pack("ii", 1, 0)
        one = raw(github)
        ways = [
            *LEAVING,
            one,
            one * 3,
            one * 2 + one[:-1],
            one + b"GET / HTTP/1.1\r\n\r\n" + one[:-1],
        ]
        for said, is_reset, pause in itertools.product(ways, (False, True), (0, 0.003, 0.02)):
            with socket.create_connection(address) as client:
                client.sendall(said)
                time.sleep(pause)
                if is_reset:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, resetting)
        assert deliver(github, bot, 10) == {202: 10}
        assert bot.end() == 0
        assert " ERROR " not in bot.output
