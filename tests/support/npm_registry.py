"""Local npm registry: the real one, plus a newer version of each package.

It forwards to the real registry, so npm's digests hold. No installation may take a decoy.
"""

import contextlib
import json
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from requests.adapters import HTTPAdapter

from tests.support import needs

DECOY = "9999.0.0"
_SECONDS = 60
# As many as npm opens.
_CONNECTIONS = 15


@dataclass
class Registry:
    """The address of the registry, and the decoys that were requested."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)


@contextlib.contextmanager
def serving() -> Iterator[Registry]:
    """Serve a registry. Skips the test if npm or its registry is unavailable."""
    upstream = _upstream()
    registry = Registry()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(registry, upstream))
    registry.url = f"http://127.0.0.1:{server.server_port}/"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()


def _upstream() -> str:
    try:
        command = ["npm", "config", "get", "registry"]
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        requests.get(f"{found.rstrip('/')}/probot", timeout=_SECONDS).raise_for_status()
    except (OSError, subprocess.CalledProcessError, requests.RequestException) as error:
        raise needs.without("npm's registry", str(error)) from error
    return found.rstrip("/")


def _handler(registry: Registry, upstream: str) -> type[BaseHTTPRequestHandler]:
    # One session for all: each new one reads the certificates of all authorities.
    session = requests.Session()
    session.mount(upstream, HTTPAdapter(pool_maxsize=_CONNECTIONS))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if DECOY in self.path:
                registry.taken.append(self.path)
                self._answer(404, b"")
                return
            registry.asked.append(self.path)
            headers = {"Accept": self.headers.get("Accept", "*/*")}
            found = session.get(upstream + self.path, headers=headers, timeout=_SECONDS)
            body = found.content
            if "json" in found.headers.get("Content-Type", "") and found.ok:
                body = _with_decoy(found.json(), f"{registry.url.rstrip('/')}{self.path}")
            self._answer(found.status_code, body)

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    return Handler


def _with_decoy(about: dict, url: str) -> bytes:
    """The description of a package, with the decoy as its newest version."""
    versions = about["versions"]
    newest = versions[about["dist-tags"]["latest"]]
    dist = {"tarball": f"{url}/-/{DECOY}.tgz", "integrity": "sha512-AAAA", "shasum": "0" * 40}
    versions[DECOY] = newest | {"version": DECOY, "dist": dist}
    about["dist-tags"]["latest"] = DECOY
    return json.dumps(about).encode()
