"""Parse Server from npm on the tests' PostgreSQL, one process an application.

Parse Server keeps one schema a process, so two applications cannot share one. Skips without node or
npm.
"""

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

from bot.parse import Application
from tests.support import needs
from tests.support.octokit import NotInstalledError, cache_directory, installed
from tests.support.postgresql import Server
from tests.support.running import PATIENCE_SECONDS, free_port

_SCRIPT = Path(__file__).with_name("parse_server.cjs")


@dataclass
class ParseServer:
    """An application that can be stopped and restarted; its objects stay."""

    application: Application
    command: list[str]
    log: Path
    process: subprocess.Popen | None = None

    def begin(self) -> None:
        """Start the server; `wait` waits for it."""
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                # It writes logs to its working directory.
                self.command,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.log.parent,
            )

    def wait(self) -> None:
        """Wait until it responds; AssertionError with its output when it exits instead."""
        give_up_at = time.monotonic() + 2 * PATIENCE_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > give_up_at:
                self.end()
                raise AssertionError(self.log.read_text()[-3000:])
            time.sleep(0.1)

    def end(self) -> None:
        """Kill the server."""
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{self.application.url}/health", timeout=5).ok
        return False

    def objects(self, name: str) -> list[dict]:
        """All objects of a class, oldest first, as another client sees them."""
        headers = {
            "X-Parse-Application-Id": self.application.application_id,
            "X-Parse-REST-API-Key": self.application.rest_key,
        }
        url = f"{self.application.url}/classes/{name}"
        params = {"order": "createdAt", "limit": 1000}
        return requests.get(url, headers=headers, params=params, timeout=30).json()["results"]


@contextlib.contextmanager
def parse_servers(postgresql: Server, *names: str) -> Iterator[list[ParseServer]]:
    """Run a server for each name; skips the test without npm."""
    node = needs.program("node")
    try:
        modules = installed(cache_directory(), "parse-server") / "node_modules"
    except NotInstalledError as error:
        raise needs.without("npm's registry", f"parse-server: {error}") from error
    servers = [_server(postgresql, name, node, modules) for name in names]
    try:
        for server in servers:
            server.begin()
        for server in servers:
            server.wait()
        yield servers
    finally:
        for server in servers:
            if server.process is not None:
                server.end()


def _server(postgresql: Server, name: str, node: str, modules: Path) -> ParseServer:
    postgresql.execute(f"CREATE DATABASE parse_{name}")
    port = free_port()
    application = Application(
        url=f"http://127.0.0.1:{port}/parse",
        application_id=f"the-{name}-application",
        rest_key=f"the-{name}-rest-key",
    )
    options = {
        "appId": application.application_id,
        "restAPIKey": application.rest_key,
        "masterKey": "the master key, which nobody uses",
        "mountPath": "/parse",
        "serverURL": application.url,
        "allowClientClassCreation": True,
        "logLevel": "error",
    }
    told = {
        "port": port,
        "socket": str(postgresql.directory),
        "database": f"parse_{name}",
        "options": options,
    }
    command = [node, str(_SCRIPT), str(modules), json.dumps(told)]
    return ParseServer(application, command, postgresql.directory.parent / f"parse-{name}.log")
