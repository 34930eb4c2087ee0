"""The bot as users run it: its subcommands, a data directory, a real configuration."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import requests
from sqlalchemy import text

from bench.circumstances import ROOT
from bench.delivery import SECRET
from bench.processes import FailedError, free_port, started, until
from luggage.database import open_engine, reading
from luggage.fake_github import FakeGithub

SQLITE = "SQLite"
POSTGRESQL = "PostgreSQL"
FROM_SOURCE = (sys.executable, "-m", "bot_deploy")


@cache
def private_key() -> str:
    """A private key, created once because that takes half a second."""
    return FakeGithub().private_key


@dataclass(frozen=True)
class Site:
    """A site of the bot: its directory, its database, its settings."""

    home: Path
    database_url: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of every process of the bot."""
        return {
            "GITHUB_APP_ID": "1001",
            "GITHUB_PRIVATE_KEY": private_key(),
            "GITHUB_WEBHOOK_SECRET": SECRET,
            "BOT_DATA": str(self.home),
            "DATABASE_URL": self.database_url,
            **self.settings,
        }

    def migrate(self) -> None:
        """Migrate the database."""
        command = [*FROM_SOURCE, "migrate"]
        environ = {"PATH": "/usr/bin:/bin", **self.environ}
        done = subprocess.run(
            command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise FailedError(f"migrate: {done.stderr}")

    def count(self, query: str, **parameters: object) -> int:
        """Run a query that returns a number."""
        engine = open_engine(self.database_url)
        try:
            with reading(engine) as connection:
                return int(connection.execute(text(query), parameters).scalar_one())
        finally:
            engine.dispose()

    def is_idle(self) -> bool:
        """Whether no job is left to do."""
        return self.count("SELECT count(*) FROM job WHERE state IN ('ready', 'leased')") == 0

    def stored(self, prefix: str) -> int:
        """The number of stored deliveries whose id starts with `prefix`."""
        query = "SELECT count(*) FROM job WHERE queue = 'delivery' AND key LIKE :pattern"
        return self.count(query, pattern=f"{prefix}%")


@dataclass(frozen=True)
class Bot:
    """A running subcommand of the bot."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    @property
    def hook(self) -> str:
        """The webhook's address."""
        return f"{self.url}/webhook/github"

    def wait(self, path: str) -> None:
        """Wait until `path` returns 200; raises FailedError at the timeout or if the bot exits."""
        until(lambda: self._answers(path), f"the bot answers {path}")

    def _answers(self, path: str) -> bool:
        if self.process.poll() is not None:
            raise FailedError(f"the bot has exited: {self.log.read_text()[-2000:]}")
        with contextlib.suppress(requests.RequestException):
            return requests.get(self.url + path, timeout=5).ok
        return False


@contextlib.contextmanager
def running(
    site: Site, subcommand: str, *, program: Sequence[str] = FROM_SOURCE, cwd: Path = ROOT
) -> Iterator[Bot]:
    """Run a subcommand while the context lasts."""
    port = free_port()
    log = site.home / f"{subcommand}.log"
    settings = {**site.environ, "PORT": str(port)}
    with started([*program, subcommand], log, settings, cwd=cwd) as process:
        yield Bot(process, f"http://127.0.0.1:{port}", log)
