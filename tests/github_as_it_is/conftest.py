"""One running bot and one simulated GitHub for all tests; each test has a new organisation."""

import itertools
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from luggage.fake_github import FakeGithub
from tests.support.running import Running, running, until

_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Scene:
    """An organisation with one repository, and the bot that serves it."""

    github: FakeGithub
    bot: Running
    organization: str
    data: Path

    @property
    def repo(self) -> str:
        """Its repository, OWNER/NAME."""
        return f"{self.organization}/widgets"

    @property
    def tenant(self) -> str:
        """The installation's id, as the queue notes it."""
        return str(self.github.install(self.organization).id)

    def deliver(self, happening: tuple[str, Any]) -> None:
        """Deliver an event as GitHub does; AssertionError unless it is answered 202."""
        assert self.github.deliver(*happening, to=self.bot.hook) == 202

    def jobs(self) -> list[dict[str, Any]]:
        """The organisation's deliveries and actions, oldest first, as rows of the job table."""
        database = sqlite3.connect(f"file:{self.data / 'bot.sqlite'}?mode=ro", uri=True)
        database.row_factory = sqlite3.Row
        try:
            rows = database.execute(
                "SELECT * FROM job WHERE tenant = ? ORDER BY id", (self.tenant,)
            )
            return [dict(row) for row in rows]
        finally:
            database.close()

    def writes(self) -> list[str]:
        """The requests of the bot that change this organisation, as "METHOD path"."""
        return [
            f"{call.method} {call.path}"
            for call in self.github.calls
            if call.method != "GET" and f"/{self.organization}/" in f"{call.path}/"
        ]

    def until(self, holds: Any, what: str) -> None:
        """Wait for a condition; AssertionError with the end of the output if it never holds."""
        try:
            until(holds, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.bot.output[-3000:]}") from error


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FakeGithub, Running, Path]]:
    """The simulated GitHub and the bot, for this process of pytest."""
    github, data = FakeGithub(), tmp_path_factory.mktemp("as_it_is")
    with github.serve() as server:
        environ = {
            "GITHUB_APP_ID": str(github.app_id),
            "GITHUB_PRIVATE_KEY": github.private_key,
            "GITHUB_WEBHOOK_SECRET": github.webhook_secret,
            "GITHUB_API_URL": server.url,
        }
        with running(data, environ) as bot:
            bot.wait_until_ready()
            yield github, bot, data


@pytest.fixture
def scene(stage: tuple[FakeGithub, Running, Path]) -> Iterator[Scene]:
    """A new organisation on the stage; the faults of the test end with it."""
    github, bot, data = stage
    made = Scene(github, bot, f"org-{next(_NUMBERS)}", data)
    github.add_repository(made.repo)
    yield made
    github.faults.clear()
