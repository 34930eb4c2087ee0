"""The bot as its users run it: its own subcommands, a data directory, a real configuration."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import requests
from sqlalchemy import text

from bench.circumstances import ROOT
from bench.delivery import SECRET
from bench.processes import FailedError, free_port, started, until
from luggage.database import open_engine, reading
from luggage.github.testing import FakeGithub

SQLITE = "SQLite"
POSTGRESQL = "PostgreSQL"
_BOT = (sys.executable, "-m", "bot_deploy")


@cache
def private_key() -> str:
    """One key for all: making one takes half a second."""
    return FakeGithub().private_key


@dataclass(frozen=True)
class Site:
    """A place where the bot may run: its directory, its database, its settings."""

    home: Path
    database_url: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        """What every process of the bot is given."""
        return {
            "GITHUB_APP_ID": "1001",
            "GITHUB_PRIVATE_KEY": private_key(),
            "GITHUB_WEBHOOK_SECRET": SECRET,
            "BOT_DATA": str(self.home),
            "DATABASE_URL": self.database_url,
            **self.settings,
        }

    def migrate(self) -> None:
        """Bring the database to the version of the code."""
        command = [*_BOT, "migrate"]
        environ = {"PATH": "/usr/bin:/bin", **self.environ}
        done = subprocess.run(
            command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise FailedError(f"migrate: {done.stderr}")

    def count(self, query: str, **parameters: object) -> int:
        """Ask the bot's database for a number."""
        engine = open_engine(self.database_url)
        try:
            with reading(engine) as connection:
                return int(connection.execute(text(query), parameters).scalar_one())
        finally:
            engine.dispose()

    def stored(self, prefix: str) -> int:
        """How many deliveries are in the database whose id begins with `prefix`."""
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
        """Where deliveries go."""
        return f"{self.url}/webhook/github"

    def wait(self, path: str) -> None:
        """Wait until `path` is answered with 200; raises FailedError when it never is."""
        until(
            lambda: _answers(self.url + path),
            f"the bot answers {path}",
            process=self.process,
            log=self.log,
        )


@contextlib.contextmanager
def running(site: Site, *arguments: str, **environ: str) -> Iterator[Bot]:
    """Start a subcommand; it has ended when this is left."""
    port = free_port()
    log = site.home / f"{arguments[0]}.log"
    settings = {**site.environ, "PORT": str(port), **environ}
    with started([*_BOT, *arguments], log, settings, cwd=ROOT) as process:
        yield Bot(process, f"http://127.0.0.1:{port}", log)


def _answers(url: str) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(url, timeout=5).ok
    return False
