"""Optional tools of the tests: detects them, and says how to install them.

Only this module skips tests: by the mark `needs`, or by a call of `need`, `program` or `without`.
So a report names what was absent, and tests.support.skips can verify it.
"""

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
# The base image; tests/tools/engine creates a substitute without a registry.
BASE = os.environ.get("PORTMANTEAU_TEST_BASE") or "python:3.12-slim-bookworm"
PACKAGES = ROOT / "tests" / "tools" / "debian.txt"
# Debian's directory of administrators' programs.
_MORE = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_PATIENCE_SECONDS = 180


class AbsentError(pytest.skip.Exception):
    """A tool is absent: skips the test unless caught."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"needs {name}: {why}")
        self.name = name
        self.why = why


@dataclass(frozen=True)
class Need:
    """A need of a test; `look` returns why it is absent, "" if it is present."""

    name: str
    look: Callable[[], str]


def need(*names: str) -> None:
    """Skip the calling test if one of these is absent; KeyError for an unknown name."""
    for name in names:
        if why := absent(name):
            raise AbsentError(name, why)


def program(name: str) -> str:
    """The path of one of Debian's programs; skips the test without it."""
    need(name)
    return _found(name)


def without(name: str, why: str) -> AbsentError:
    """The exception to raise if only an attempt shows that a need is absent."""
    return AbsentError(KNOWN[name].name, why)


@functools.cache
def absent(name: str) -> str:
    """The reason why it is absent, "" if present; checks once a process."""
    return KNOWN[name].look()


def debian() -> Iterator[tuple[str, str]]:
    """The commands of tests/tools/debian.txt, with their packages."""
    for line in PACKAGES.read_text().splitlines():
        if not line.startswith("#"):
            command, packages = line.split(maxsplit=1)
            yield command, packages


def _found(command: str) -> str:
    if command.startswith("/"):
        return str(next(Path("/").glob(command[1:]), ""))
    return shutil.which(command, path=os.pathsep.join([os.environ["PATH"], *_MORE])) or ""


def _program(command: str, packages: str) -> Need:
    def look() -> str:
        return "" if _found(command) else f"`make tools` installs it (Debian: {packages})"

    # A path pattern is known by its last word.
    return Need(command.rpartition("/")[2], look)


def _atheris() -> str:
    # It is a requirement where it has wheels; there its absence is an error.
    lines = (ROOT / "requirements-dev.in").read_text().splitlines()
    wanted = [Requirement(line) for line in lines if line.startswith("atheris")]
    if any(one.marker is None or one.marker.evaluate() for one in wanted):
        return ""
    return "there is no atheris for this Python on this platform"


def _toml() -> str:
    return "tomllib reads TOML 1.1" if sys.version_info >= (3, 15) else ""


def _root() -> str:
    return "this user is not root" if os.geteuid() else ""


def _run(*command: str) -> str:
    """The last line of a failed command, "" if it works."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = (done.stderr or done.stdout).strip() or f"{command[0]} ended with {done.returncode}"
    return said.splitlines()[-1][-300:] if done.returncode else ""


def _mounts() -> str:
    with tempfile.TemporaryDirectory() as home:
        try:
            return _root() or _run("mount", "-t", "tmpfs", "tmpfs", home)
        finally:
            if os.path.ismount(home):
                _run("umount", "-l", home)


def _frozen_files() -> str:
    with tempfile.NamedTemporaryFile() as file:
        try:
            return _root() or _run("chattr", "+i", file.name)
        finally:
            _run("chattr", "-i", file.name)


def _packet_filter() -> str:
    return _root() or _run("iptables", "-w", "-n", "-L", "INPUT")


def _index() -> str:
    with tempfile.TemporaryDirectory() as home:
        words = ("download", "--quiet", "--no-deps", "--dest", home, "iniconfig")
        return _run(sys.executable, "-m", "pip", *words)


def _npm_registry() -> str:
    return absent("npm") or _run("npm", "ping", "--fetch-retries=1")


def other_python() -> str:
    """A Python of another minor version, "" without one."""
    for minor in range(20):
        found = shutil.which(f"python3.{minor}")
        if minor != sys.version_info.minor and found and not _run(found, "-c", ""):
            return found
    return ""


def _other_python() -> str:
    return "" if other_python() else "there is no Python of another version here"


def _docker() -> str:
    why = absent("docker") or _run("docker", "version")
    return why and f"{why}; `sudo tests/tools/engine` starts one"


def _base() -> str:
    inspected = absent("a Docker engine") or _run("docker", "image", "inspect", BASE)
    return inspected and _run("docker", "pull", "--quiet", BASE)


def uv() -> str:
    """The path of uv, next to this Python or elsewhere; "" without it."""
    beside = Path(sys.prefix, "bin", "uv")
    return str(beside) if beside.exists() else shutil.which("uv") or ""


def _uv() -> str:
    return "" if uv() else "it is in requirements-dev.txt"


def _sphinx() -> str:
    return "" if importlib.util.find_spec("sphinx") else "`make docs` installs it"


def _postgresql_jit() -> str:
    found = any(Path("/usr/lib/postgresql").glob("*/lib/llvmjit.so"))
    return "" if found else absent("initdb") or "its packages are built without it"


def _postgresql_15() -> str:
    versions = [int(path.name) for path in Path("/usr/lib/postgresql").glob("[1-9]*")]
    return "" if max(versions, default=0) >= 15 else absent("initdb") or "its packages are older"


KNOWN = {
    one.name: one
    for one in (
        *(_program(*line) for line in debian()),
        Need("atheris", _atheris),
        Need("sphinx", _sphinx),
        Need("uv", _uv),
        Need("TOML 1.0", _toml),
        Need("PostgreSQL's JIT", _postgresql_jit),
        Need("PostgreSQL 15", _postgresql_15),
        Need("root", _root),
        Need("mounts", _mounts),
        Need("frozen files", _frozen_files),
        Need("a packet filter", _packet_filter),
        Need("the package index", _index),
        Need("npm's registry", _npm_registry),
        Need("another Python", _other_python),
        Need("a Docker engine", _docker),
        Need("the base image", _base),
    )
}
