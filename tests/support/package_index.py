"""Local package index: every locked file, and decoys that no installation may take.

The decoys imitate later releases: a version 9999 of each project, an extra file for each locked
version, and new versions of pip and the build tools. The locked files are real, because their
hashes are checked; they are downloaded once into the tests' cache.
"""

import contextlib
import hashlib
import html
import subprocess
import sys
import threading
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from packaging.utils import canonicalize_name, parse_wheel_filename

from bench.made_once import made_once
from tests.support import needs
from tests.support.locks import ROOT, pip_locks
from tests.support.octokit import cache_directory

# The pip of Python 3.11.0 and a recent one; no lock file has pip.
PIPS = {
    "22.3": "1daab4b8d3b97d1d763caeb01a4640a2250a0ea899e257b1e44b9eded91e15ab",
    "26.3": "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13",
}
DECOY = "9999"
# These are not locked; an installation that requests one gets the latest.
TOOLS = (
    *("pip", "setuptools", "wheel", "uv", "hatchling", "hatch-vcs", "flit-core", "poetry-core"),
    *("maturin", "cython", "cffi", "setuptools-scm", "setuptools-rust", "pdm-backend"),
    *("meson-python", "scikit-build-core"),
)


@dataclass
class Index:
    """A simple index (PEP 503), and the files that were requested."""

    files: dict[str, list[Path]]
    port: int = 0
    taken: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The value for PIP_INDEX_URL."""
        return f"http://127.0.0.1:{self.port}/simple"

    def decoys_taken(self) -> list[str]:
        """The decoys that were requested."""
        return [name for name in self.taken if is_decoy(name)]


def is_decoy(name: str) -> bool:
    """Whether no lock file lists this file of the index."""
    _, version, build, _ = parse_wheel_filename(name)
    return str(version) == DECOY or build == (int(DECOY), "")


@contextlib.contextmanager
def serving(decoys: Path) -> Iterator[Index]:
    """Serve an index; creates the decoys in a directory. Skips if a file is unavailable."""
    files: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(_locked_files().glob("*.whl")):
        project = canonicalize_name(path.name.partition("-")[0])
        files[project] += [path, _decoy(decoys, _one_more(path))]
    for project in {*files, *TOOLS}:
        stem = project.replace("-", "_")
        files[project].append(_decoy(decoys, f"{stem}-{DECOY}-py3-none-any.whl"))
    index = Index(dict(files))
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"index": index}))
    index.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()


def pip_lock(version: str) -> str:
    """A lock file that lists only pip."""
    return f"pip=={version} --hash=sha256:{PIPS[version]}\n"


def _locked_files() -> Path:
    """The directory with every locked file for this Python; downloads them if needed."""
    texts = [(ROOT / lock).read_text() for lock in pip_locks()] + [pip_lock(each) for each in PIPS]
    key = hashlib.sha256("".join([*texts, sys.version]).encode()).hexdigest()[:16]
    place = cache_directory() / f"locked-files-{key}"

    def make(fresh: Path) -> None:
        for text in texts:
            _download(text, fresh)

    return made_once(place, make)


def _download(lock: str, into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    listed = into / "requirements"
    listed.write_text(lock)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    words = ["--dest", into, "--find-links", into, "-r", listed]
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise needs.without("the package index", done.stderr.strip()[-300:])
    listed.unlink()


def _one_more(path: Path) -> str:
    """The name of an extra file of a version: a later build, which installers prefer."""
    project, version, *_, python, abi, platform = path.stem.split("-")
    return f"{project}-{version}-{DECOY}-{python}-{abi}-{platform}.whl"


def _decoy(into: Path, name: str) -> Path:
    """Create a wheel with only the metadata that an installer reads."""
    project, version = name.split("-")[:2]
    about = f"{project}-{version}.dist-info"
    path = into / name
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n"
        )
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")
    return path


class _Handler(BaseHTTPRequestHandler):
    index: Index
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        _, kind, project, *names = (*self.path.split("/"), "", "")
        found = self.index.files.get(project, [])
        if kind == "simple" and found:
            self._answer(200, "text/html", _page(found))
        elif kind == "files" and (file := {path.name: path for path in found}.get(names[0])):
            if self.command == "GET":
                self.index.taken.append(file.name)
            self._answer(200, "application/octet-stream", file.read_bytes())
        else:
            self._answer(404, "text/plain", b"not here\n")

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        """Answer uv, which checks for range requests."""
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def _page(files: list[Path]) -> bytes:
    links = (
        f'<a href="/files/{canonicalize_name(path.name.partition("-")[0])}/'
        f'{html.escape(path.name)}#sha256={_sha256(path)}">{html.escape(path.name)}</a><br>'
        for path in files
    )
    return f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()


_KNOWN: dict[Path, str] = {}


def _sha256(path: Path) -> str:
    if path not in _KNOWN:
        _KNOWN[path] = hashlib.sha256(path.read_bytes()).hexdigest()
    return _KNOWN[path]
