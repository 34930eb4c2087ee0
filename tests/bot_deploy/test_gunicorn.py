"""The web process: its port, its settings, its app. With real processes: acceptance."""

import contextlib
import logging
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import OperationalError

from bot_deploy import gunicorn
from bot_deploy.config.sources import ConfigError
from bot_deploy.wiring import listening
from bot_deploy.wiring import server as serving
from luggage.run import KILL_SECONDS, SHUTDOWN_TIMEOUT_SECONDS
from luggage.serving import Dispatcher
from luggage.serving.worker import GunicornWorker
from tests.support.clock import FakeClock
from tests.support.running import until

APP = {"GITHUB_APP_ID": "1", "GITHUB_PRIVATE_KEY": "-", "GITHUB_WEBHOOK_SECRET": "s"}


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def test_a_free_port_is_taken(clock: FakeClock) -> None:
    """A socket that listens comes back."""
    with listening.listen("127.0.0.1", 0, clock=clock, sleep=clock.advance) as listener:
        socket.create_connection(listener.getsockname()).close()


def test_a_taken_port_is_an_error_with_its_remedy(taken: socket.socket, clock: FakeClock) -> None:
    """A taken port raises ConfigError with the remedy."""
    with pytest.raises(ConfigError, match=r"in use by another program: .* set PORT"):
        listening.listen("127.0.0.1", port_of(taken), clock=clock, sleep=clock.advance)


def test_a_port_that_is_just_being_freed_is_waited_for(
    taken: socket.socket, clock: FakeClock
) -> None:
    """`listen` retries until the port is free."""
    port = port_of(taken)

    def later(seconds: float) -> None:
        clock.advance(seconds)
        taken.close()

    with listening.listen("127.0.0.1", port, clock=clock, sleep=later) as listener:
        assert port_of(listener) == port


def test_an_address_that_is_not_ours_is_an_error(clock: FakeClock) -> None:
    """A foreign address raises ConfigError at once."""
    with pytest.raises(ConfigError, match=r"cannot listen on 192\.0\.2\.1:8000"):
        listening.listen("192.0.2.1", 8000, clock=clock, sleep=pytest.fail)


def settings(shared_memory: Path) -> dict[str, object]:
    """The settings for a listener that is closed again."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = serving.options(listener, shared_memory=shared_memory)
        os.close(int(str(found["bind"]).removeprefix("fd://")))
    return found


def test_nothing_is_made_outside_the_data_directory(tmp_path: Path) -> None:
    """Gunicorn makes no control socket and no log files."""
    found = settings(tmp_path)
    assert found["control_socket_disable"] is True
    assert found["errorlog"] is found["accesslog"] is None


def test_its_grace_ends_before_the_supervisor_kills(tmp_path: Path) -> None:
    """Gunicorn's graceful timeout ends before the supervisor kills."""
    assert settings(tmp_path)["graceful_timeout"] == SHUTDOWN_TIMEOUT_SECONDS < KILL_SECONDS


def test_signs_of_life_are_left_in_memory_where_there_is_some(tmp_path: Path) -> None:
    """Heartbeat files are in shared memory if it can be written."""
    assert settings(tmp_path)["worker_tmp_dir"] == str(tmp_path)
    assert settings(tmp_path / "missing")["worker_tmp_dir"] is None


def test_gunicorn_accepts_the_settings_and_makes_our_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gunicorn accepts each setting, and a worker makes the app with its bookkeeper.

    The bookkeeper is closed at the worker's end.
    """
    books = contextlib.ExitStack()
    kept: list[bool] = []
    books.callback(kept.append, True)  # noqa: FBT003
    app = SimpleNamespace(extensions={"bookkeeper": books, "readiness": dict})
    ends: list[Callable[[], None]] = []
    monkeypatch.setattr(serving, "make_app", lambda _config, _command: app)
    monkeypatch.setattr(serving.atexit, "register", ends.append)
    switches: list[float] = []
    monkeypatch.setattr(serving.sys, "setswitchinterval", switches.append)
    config = SimpleNamespace(sentry_dsn="", trusted_proxies=())
    server = serving.Server(config, settings(tmp_path))
    assert server.cfg.worker_class is GunicornWorker
    assert isinstance(server.wsgi(), Dispatcher)
    assert kept == []
    assert switches == [0.0005]
    ends[0]()
    assert kept == [True]


def test_its_lines_go_the_way_of_all_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Gunicorn's lines go through the root logger once."""
    server = serving.Server(SimpleNamespace(), settings(tmp_path))
    server.cfg.logger_class(server.cfg).info("Starting")
    assert caplog.messages == ["Starting"]
    assert logging.getLogger("gunicorn.error").handlers == []


def test_a_worker_ends_with_its_master(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker asks the kernel to end it with its master."""
    asked: list[int] = []
    monkeypatch.setattr(serving, "end_with_parent", asked.append)
    serving._post_fork(None, SimpleNamespace(ppid=7))
    assert asked == [7]


@pytest.mark.parametrize(("receive", "how"), [("webhook", "receives"), ("poll", "fetches them")])
def test_it_says_ready_once_when_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, receive: str, how: str
) -> None:
    """Only the first worker says it, and only after the database and the loop are there."""
    caplog.set_level(logging.INFO)
    config = SimpleNamespace(receive=receive, poll_seconds=5.0)
    server = serving.Server(config, settings(tmp_path))
    problems = [OperationalError("", {}, ValueError()), {"loop": "no heartbeat"}, {}]

    def readiness() -> dict[str, str]:
        assert not caplog.messages
        found = problems.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    server._readiness = readiness
    for age in (2, 3, 1):
        serving._post_worker_init(SimpleNamespace(age=age, app=server))
    until(lambda: caplog.messages, "it is ready")
    (line,) = caplog.messages
    assert line.startswith("ready: evaluates deliveries")
    assert how in line


@pytest.mark.parametrize(("bound", "said"), [("0.0.0.0", "localhost"), ("127.0.0.2", "127.0.0.2")])
def test_it_says_the_address_that_listens(
    caplog: pytest.LogCaptureFixture, bound: str, said: str
) -> None:
    """The address in the log is the one that the master listens on."""
    caplog.set_level(logging.INFO)
    with socket.create_server((bound, 0)) as listener:
        serving._when_ready(SimpleNamespace(LISTENERS=[SimpleNamespace(sock=listener)]))
        assert caplog.messages == [f"status page: http://{said}:{port_of(listener)}/"]


def test_it_serves_the_configured_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """`gunicorn` takes PORT and --host, and runs the server on them."""
    asked = []
    monkeypatch.setattr(os, "environ", APP | {"PORT": "18000"})
    monkeypatch.setattr(gunicorn, "configure_logging", lambda *_, **__: None)
    monkeypatch.setattr(serving, "listen", lambda *where, **_: asked.append(where))
    monkeypatch.setattr(serving, "options", lambda *_, **__: {})
    monkeypatch.setattr(serving.Server, "run", lambda self: asked.append(self._config.port))
    assert gunicorn.main(["gunicorn", "--host", "127.0.0.1"]) == 0
    assert asked == [("127.0.0.1", 18000), 18000]


@pytest.mark.parametrize(("receive", "host"), [("webhook", "0.0.0.0"), ("poll", "127.0.0.1")])
def test_without_a_webhook_it_is_for_this_machine(
    monkeypatch: pytest.MonkeyPatch, receive: str, host: str
) -> None:
    """With BOT_RECEIVE=poll the default host is the local one."""
    asked = []
    monkeypatch.setattr(os, "environ", APP | {"BOT_RECEIVE": receive})
    monkeypatch.setattr(gunicorn, "configure_logging", lambda *_, **__: None)
    monkeypatch.setattr(serving, "listen", lambda *where, **_: asked.append(where))
    monkeypatch.setattr(serving, "options", lambda *_, **__: {})
    monkeypatch.setattr(serving.Server, "run", lambda _self: None)
    assert gunicorn.main(["gunicorn"]) == 0
    assert asked == [(host, 8000)]


HALF = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("secret", "level", "words"),
    [
        (f"{HALF} {HALF}", logging.WARNING, "move the old one to GITHUB_WEBHOOK_SECRET_OLD"),
        ("padded ", logging.WARNING, "begins or ends with white space"),
        ("It's a Secret to Everybody", logging.INFO, "counts as one secret"),
    ],
)
def test_white_space_in_the_webhook_secret_is_logged(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    secret: str,
    level: int,
    words: str,
) -> None:
    """The notice about white space is logged once, without the secret."""
    caplog.set_level(logging.INFO)
    environ = {"GITHUB_APP_ID": "1", "GITHUB_WEBHOOK_SECRET": secret}
    monkeypatch.setattr(os, "environ", environ)
    monkeypatch.setattr(gunicorn, "configure_logging", lambda *_, **__: None)
    monkeypatch.setattr(serving, "listen", lambda *_, **__: None)
    monkeypatch.setattr(serving, "options", lambda *_, **__: {})
    monkeypatch.setattr(serving.Server, "run", lambda _self: None)
    assert gunicorn.main(["gunicorn"]) == 0
    assert [(each.levelno, words in each.message) for each in caplog.records] == [(level, True)]
    assert secret not in caplog.text


def test_a_web_process_with_the_private_key_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A web process that was started by itself warns of a secret that it does not use."""
    monkeypatch.setattr(os, "environ", APP | {"GITHUB_PRIVATE_KEY": "hunter2"})
    monkeypatch.setattr(gunicorn, "configure_logging", lambda *_, **__: None)
    monkeypatch.setattr(serving, "listen", lambda *_, **__: None)
    monkeypatch.setattr(serving, "options", lambda *_, **__: {})
    monkeypatch.setattr(serving.Server, "run", lambda _self: None)
    assert gunicorn.main(["gunicorn"]) == 0
    (line,) = caplog.messages
    assert line.endswith("github.private_key (GITHUB_PRIVATE_KEY); unset GITHUB_PRIVATE_KEY for it")


def test_without_an_app_it_does_not_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an App it raises ConfigError before it opens the port."""
    monkeypatch.setattr(os, "environ", {})
    with pytest.raises(ConfigError, match="GITHUB_APP_ID"):
        gunicorn.main(["gunicorn"])
