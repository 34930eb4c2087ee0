"""Site of a scenario: the bot's database, its GitHub, its processes."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import sqlalchemy
from sqlalchemy import text

from bot_deploy.wiring.parts import HISTORIES
from luggage.database import open_engine
from luggage.fake_github import FakeGithub
from tests.faults.child import ORDERS
from tests.faults.lines import Line
from tests.support.migrated import migrated
from tests.support.postgresql import Server
from tests.support.running import ROOT, free_port

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
BOTH = (SQLITE, POSTGRESQL)
PATIENCE_SECONDS = 3600.0

# Times of the short form, named as in tests.faults.child.set_time.
SCALED: Mapping[str, float] = {
    "bot_deploy.wiring.loop:LEASE_SECONDS": 3.0,
    "bot.actions.invite:LOOK_SECONDS": 1.5,
    "bot.actions.write_once:SEND_SECONDS": 1.0,
    "bot.actions.write_once:ARRIVAL_SECONDS": 1.5,
    "bot.actions.write_once:READ_LAG_SECONDS": 0.5,
    "luggage.database.postgresql:IDLE_IN_TRANSACTION_SECONDS": 2.0,
    "luggage.jobs.retry:backoff.base_seconds": 0.1,
    "luggage.jobs.retry:backoff.cap_seconds": 2.0,
}
# The pace of writes, by the operator's own setting.
SCALED_PACE = "0.02 100000 100000"


class Process:
    """A process of the bot, and its output."""

    def __init__(self, popen: subprocess.Popen[bytes], log: Path) -> None:
        self.popen = popen
        self.pid = popen.pid
        self._log = log

    @property
    def output(self) -> str:
        """The output so far."""
        return self._log.read_text(errors="replace")

    @property
    def lives(self) -> bool:
        """Whether it is running."""
        return self.popen.poll() is None

    def kill(self) -> None:
        """Kill it, as a power cut does; returns when it is gone."""
        self.popen.kill()
        self.popen.wait()

    def end(self, number: int = signal.SIGTERM, *, within: float = 30.0) -> int:
        """Send a signal and return the exit code."""
        if self.lives:
            self.popen.send_signal(number)
        return self.popen.wait(within)


class Site:
    """A data directory, a database and a simulated GitHub; stops its processes at the end."""

    def __init__(
        self,
        kind: str,
        home: Path,
        server: Server | None,
        fake: FakeGithub,
        orders: Mapping[str, Any] | None = None,
        settings: Mapping[str, str] | None = None,
        say: Callable[[str], None] = print,
        *,
        over_a_line: bool = False,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.patience = patience
        self.say = say
        self.settings = dict(settings or {})
        self.kind = kind
        self.home = home
        self.fake = fake
        self.orders = dict(orders or {})
        self.port = free_port()
        self.processes: list[Process] = []
        self.database_url = _url(kind, home, server)
        self.line = Line(self.database_url) if over_a_line else None
        self._engine: sqlalchemy.Engine | None = None
        self._github = fake.serve()
        self.api_url = self._github.url

    def __enter__(self) -> Self:
        migrating = open_engine(self.database_url)
        migrated(migrating, HISTORIES)
        migrating.dispose()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in self.processes:
            # After wait() the pid may belong to another process.
            if process.popen.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.popen.wait()
        if self._engine is not None:
            self._engine.dispose()
        self._github.stop()
        if self.line is not None:
            self.line.stop()

    def environ(self, orders: Mapping[str, Any] | None = None) -> dict[str, str]:
        """The settings of a process."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | {
            "BOT_DATA": str(self.home),
            "BOT_SETTLE_SECONDS": "0",
            "DATABASE_URL": self.line.url if self.line else self.database_url,
            "GITHUB_API_URL": self.api_url,
            "GITHUB_APP_ID": str(self.fake.app_id),
            "GITHUB_PRIVATE_KEY": self.fake.private_key,
            "GITHUB_USER_AGENT": "test-bot",
            "GITHUB_WEBHOOK_SECRET": self.fake.webhook_secret,
            "PORT": str(self.port),
            ORDERS: json.dumps({**self.orders, **(orders or {})}),
            **self.settings,
        }

    def run(
        self,
        *arguments: str,
        orders: Mapping[str, Any] | None = None,
        environ: Mapping[str, str] | None = None,
        prefix: tuple[str, ...] = (),
    ) -> Process:
        """Start `python -m bot_deploy ARGUMENTS`; its output goes to a file of the site."""
        log = self.home / f"{len(self.processes)}-{arguments[0]}.log"
        with log.open("wb") as output:
            popen = subprocess.Popen(
                [*prefix, sys.executable, "-m", "tests.faults.child", *arguments],
                cwd=ROOT,
                env={**self.environ(orders), **(environ or {})},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = Process(popen, log)
        self.processes.append(process)
        return process

    def web(self, **how: Any) -> Process:
        """Start the web process and wait until it answers."""
        process = self.run("gunicorn", "--host", "127.0.0.1", **how)
        self.until(lambda: self.answers() or not process.lives, "the web process answers")
        assert process.lives, process.output
        return process

    def answers(self) -> bool:
        """Whether the web process lives."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        with (
            contextlib.closing(connection),
            contextlib.suppress(OSError, http.client.HTTPException),
        ):
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        return False

    def loops(self, count: int = 1, *, threads: int = 4, **how: Any) -> list[Process]:
        """Start loops."""
        return [self.run("loop", "--threads", str(threads), **how) for _ in range(count)]

    @property
    def engine(self) -> sqlalchemy.Engine:
        """The test's own connection to the database."""
        if self._engine is None:
            driver = self.database_url.replace("postgresql:", "postgresql+psycopg:")
            # The bot's processes share SQLite's lock by turns; this one waits.
            waiting = {"timeout": 60.0} if self.kind == SQLITE else {}
            self._engine = sqlalchemy.create_engine(driver, connect_args=waiting)
        return self._engine

    def ask(self, query: str, **values: Any) -> list[Any]:
        """The rows of a query."""
        with self.engine.connect() as connection:
            return list(connection.execute(text(query), values).all())

    def waiting(self) -> int:
        """The number of unfinished jobs: ready, leased, or held behind one of these."""
        query = "SELECT count(*) FROM job WHERE state IN ('ready', 'leased')"
        return int(self.ask(query)[0][0])

    def states(self) -> dict[str, int]:
        """The number of jobs in each state, of both queues."""
        query = "SELECT queue, state, count(*) FROM job GROUP BY queue, state"
        return {f"{queue} {state}": count for queue, state, count in self.ask(query)}

    def until(
        self, holds: Callable[[], object], what: str, *, patience: float | None = None
    ) -> float:
        """Wait until a condition holds and return the seconds; AssertionError names it."""
        began = time.monotonic()
        patience = patience or self.patience
        while not holds():
            waited = time.monotonic() - began
            assert waited < patience, f"timed out after {waited:.0f} s: {what}; {self.states()}"
            time.sleep(0.05 if waited < 5 else 0.25)
        return time.monotonic() - began

    def drained(self, *, patience: float | None = None) -> float:
        """Wait until no job is left; returns the seconds."""
        said_at = time.monotonic()

        def done() -> bool:
            nonlocal said_at
            waiting = self.waiting()
            if time.monotonic() - said_at > 15:
                said_at = time.monotonic()
                self.say(f"{waiting} jobs wait")
            return not waiting

        return self.until(done, "everything is done", patience=patience)

    def outputs(self) -> str:
        """The output of all processes."""
        return "".join(process.output for process in self.processes)


def _url(kind: str, home: Path, server: Server | None) -> str:
    if kind == SQLITE:
        return f"sqlite:///{home / 'bot.sqlite'}"
    assert server is not None
    return server.new_database()


def children(pid: int) -> list[int]:
    """The living children of a process."""
    with contextlib.suppress(OSError):
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in listed if not is_gone(int(child))]
    return []


def is_gone(pid: int) -> bool:
    """Whether a process has ended; a zombie has."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def command_of(pid: int) -> str:
    """The command line of a process; "" when it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    return ""


def kills(output: str) -> dict[str, int]:
    """The number of kills at each point, from its output."""
    found: dict[str, int] = {}
    for name in re.findall(r"^faults: killed at (.+)$", output, re.MULTILINE):
        found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items()))


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Whether a process is stopped."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
