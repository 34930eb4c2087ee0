"""What takes deliveries: the bot's own web process, and the peers, each with two processes."""

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
    """A server that runs: `does` says what happens before its answer, which is `accepts`.

    `verifies` says whether it refuses what is not signed. `stored` counts the deliveries in its
    database whose id begins with something; None for those that store nothing. `pids` are the
    processes that were started for it.
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
        """Its name as a table has it: the bot stands out."""
        return self.name if self.stored is None else f"**{self.name}**"

    def check(self, delivery: Delivery) -> None:
        """See that it accepts what is signed and, where it verifies, refuses what is not.

        Raises FailedError where it does not.
        """
        if (status := self._post(delivery, delivery.signature)) != self.accepts:
            raise FailedError(f"{self.name} answered {status}, not {self.accepts}")
        forged = self._post(delivery, "sha256=" + "0" * 64)
        if self.verifies and not requests.codes.bad <= forged < requests.codes.server_error:
            raise FailedError(f"{self.name} answered {forged} to what nobody signed")

    def _post(self, delivery: Delivery, signature: str) -> int:
        headers = delivery.headers(new_guid(), signature=signature)
        return requests.post(self.url, delivery.body, headers=headers, timeout=30).status_code


@contextlib.contextmanager
def bot(name: str, site: Site) -> Iterator[Server]:
    """The bot's web process on a new database, as `python -m bot_deploy gunicorn` starts it."""
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
    """Two processes of a Probot app behind Node's cluster, as Node.js and PM2 run several."""
    with _probot(home, "cluster.mjs", 1, "Probot 14, Node's cluster") as server:
        yield server


@contextlib.contextmanager
def probot(home: Path, **environ: str) -> Iterator[Server]:
    """Two processes of a Probot app on one socket, with these further settings.

    Nobody distributes the connections: the least that two processes can need.
    """
    with _probot(home, "probot.mjs", PROCESSES, "Probot 14, one socket", **environ) as server:
        yield server


@contextlib.contextmanager
def _probot(
    home: Path, program: str, processes: int, name: str, **environ: str
) -> Iterator[Server]:
    """Run a program of bench/peers/npm.

    Probot's own middleware on Node's server: `probot run` does the same, and logs each request.
    """
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
    """An app of bench/peers/wsgi.py, with further options of gunicorn."""

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
    """An app on two workers of the gunicorn that the bot has too."""
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
    """Start processes of a program on one socket, whose number is its last argument."""
    with ExitStack() as stack:
        listener, port = stack.enter_context(listening())
        number = listener.fileno()
        both = [
            stack.enter_context(
                started([*command, str(number)], log, environ, cwd=cwd, pass_fds=(number,))
            )
            for _ in range(processes)
        ]
        # Who still holds it would keep connections that nobody accepts.
        listener.close()
        yield port, tuple(process.pid for process in both)


def wait(server: Server, delivery: Delivery) -> None:
    """Wait until a server does what it should; raises FailedError when it never does."""

    def answers() -> bool:
        with contextlib.suppress(requests.RequestException):
            server.check(delivery)
            return True
        return False

    until(answers, f"{server.name} answers")
