"""Servers under test: the bot's web process and the peers, two processes each."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import requests

from bench.bot import Site, private_key, running
from bench.cache import PEERS, from_npm, from_pypi, program_path
from bench.delivery import SECRET, Delivery, new_guid
from bench.processes import FailedError, listening, started, until

PROCESSES = 2


@dataclass(frozen=True)
class Server:
    """A running server; `does` says what it does before it answers with `accepts`.

    `verifies` means that it refuses unsigned deliveries. `stored` counts the stored deliveries
    whose id starts with a prefix; None if it stores nothing. `pids` are its processes.
    """

    name: str
    does: str
    url: str
    verifies: bool
    accepts: int = 200
    stored: Callable[[str], int] | None = None
    pids: tuple[int, ...] = ()

    @property
    def shown(self) -> str:
        """Its name in a table; the bot's is bold."""
        return self.name if self.stored is None else f"**{self.name}**"

    def check(self, delivery: Delivery) -> None:
        """Check that it accepts a signed delivery and refuses a forged one; raises FailedError."""
        if (status := self._post(delivery, delivery.signature)) != self.accepts:
            raise FailedError(f"{self.name} answered {status}, not {self.accepts}")
        forged = self._post(delivery, "sha256=" + "0" * 64)
        if self.verifies and not requests.codes.bad <= forged < requests.codes.server_error:
            raise FailedError(f"{self.name} answered {forged} to a forged delivery")

    def _post(self, delivery: Delivery, signature: str) -> int:
        headers = delivery.headers(new_guid(), signature=signature)
        return requests.post(self.url, delivery.body, headers=headers, timeout=30).status_code


@contextlib.contextmanager
def bot(name: str, site: Site) -> Iterator[Server]:
    """The bot's web process on a new database, as `python -m bot_deploy gunicorn` runs it."""
    site.migrate()
    with running(site, "gunicorn") as web:
        web.wait("/healthz")
        yield Server(
            name=f"the bot, {name}",
            does="verifies, parses, stores durably",
            url=web.hook,
            verifies=True,
            accepts=202,
            stored=site.stored,
            pids=(web.process.pid,),
        )


@contextlib.contextmanager
def clustered_probot(home: Path) -> Iterator[Server]:
    """Two processes of a Probot app behind Node's cluster module."""
    with _probot(home, "cluster.mjs", 1, "Probot 14, Node's cluster") as server:
        yield server


@contextlib.contextmanager
def probot(home: Path, **environ: str) -> Iterator[Server]:
    """Two processes of a Probot app on one socket, with these extra settings."""
    with _probot(home, "probot.mjs", PROCESSES, "Probot 14, one socket", **environ) as server:
        yield server


@contextlib.contextmanager
def _probot(
    home: Path, program: str, processes: int, name: str, **environ: str
) -> Iterator[Server]:
    """Run a program of bench/peers/npm: `probot run` without a log line a request."""
    node = program_path("node", "install Node.js")
    place = from_npm()
    settings = {
        "APP_ID": "1001",
        "PRIVATE_KEY": private_key(),
        "WEBHOOK_SECRET": SECRET,
        "NODE_ENV": "production",
        **environ,
    }
    command = [node, program]
    with _sharing(command, place, home / "probot.log", settings, processes) as (port, pids):
        yield Server(
            name=name,
            does="verifies, parses, runs a handler; stores nothing",
            url=f"http://127.0.0.1:{port}/api/github/webhooks",
            verifies=True,
            pids=pids,
        )


@contextlib.contextmanager
def gidgethub(home: Path) -> Iterator[Server]:
    """Two processes of gidgethub with aiohttp on one socket."""
    place = from_pypi()
    command = [str(place / "venv/bin/python"), "aio.py"]
    settings = {"WEBHOOK_SECRET": SECRET}
    with _sharing(command, place, home / "gidgethub.log", settings) as (port, pids):
        yield Server(
            name="gidgethub + aiohttp",
            does="verifies, parses, runs a handler; stores nothing",
            url=f"http://127.0.0.1:{port}/webhook",
            verifies=True,
            pids=pids,
        )


@dataclass(frozen=True)
class Wsgi:
    """An app of bench/peers/wsgi.py, and options of gunicorn."""

    app: str
    name: str
    does: str
    options: tuple[str, ...] = ()


_THREADS = ("--worker-class", "gthread", "--threads", "4")
_NOTHING = "nothing at all"
_CAREFUL = "verifies, parses; stores nothing"
WSGI = {
    "bare": Wsgi("bare", "bare WSGI, gunicorn sync", _NOTHING),
    "flask": Wsgi("flask", "bare Flask, gunicorn sync", _NOTHING),
    "careful": Wsgi("careful", "Flask + HMAC + JSON, gunicorn sync", _CAREFUL),
    "threads": Wsgi("careful", "Flask + HMAC + JSON, gunicorn with 4 threads", _CAREFUL, _THREADS),
}


@contextlib.contextmanager
def wsgi(home: Path, app: Wsgi) -> Iterator[Server]:
    """An app on two workers of gunicorn."""
    with listening() as (listener, port):
        number = listener.fileno()
        gunicorn = [sys.executable, "-m", "gunicorn", f"wsgi:{app.app}", *app.options]
        bound = ["--bind", f"fd://{number}", "--workers", str(PROCESSES), "--no-control-socket"]
        settings = {"WEBHOOK_SECRET": SECRET}
        with started(
            [*gunicorn, *bound], home / "gunicorn.log", settings, cwd=PEERS, pass_fds=(number,)
        ) as process:
            listener.close()
            yield Server(
                name=app.name,
                does=app.does,
                url=f"http://127.0.0.1:{port}/webhook",
                verifies=app.does == _CAREFUL,
                pids=(process.pid,),
            )


@contextlib.contextmanager
def _sharing(
    command: list[str],
    cwd: Path,
    log: Path,
    environ: dict[str, str],
    processes: int = PROCESSES,
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Start processes of a program on one socket; its file descriptor is the last argument."""
    with ExitStack() as stack:
        listener, port = stack.enter_context(listening())
        number = listener.fileno()
        both = [
            stack.enter_context(
                started([*command, str(number)], log, environ, cwd=cwd, pass_fds=(number,))
            )
            for _ in range(processes)
        ]
        # An open copy here would accept connections that nothing serves.
        listener.close()
        yield port, tuple(process.pid for process in both)


def wait(server: Server, delivery: Delivery) -> None:
    """Wait until a server passes `check`; raises FailedError at the timeout."""

    def answers() -> bool:
        with contextlib.suppress(requests.RequestException):
            server.check(delivery)
            return True
        return False

    until(answers, f"{server.name} answers")
