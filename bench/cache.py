"""Cache of the peers, installed once in the versions that bench/peers pins.

It lies in $PORTMANTEAU_BENCH_CACHE, or in portmanteau-bench in the user's cache directory. Changed
pins use another directory.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from bench.made_once import made_once
from bench.measure import UnavailableError
from bench.say import say
from luggage.buildpex import BuildError, LockedVenv

PEERS = Path(__file__).parent / "peers"
INSTALL_SECONDS = 600


def cache_directory() -> Path:
    """The directory of the downloads."""
    named = os.environ.get("PORTMANTEAU_BENCH_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "portmanteau-bench"


@cache
def from_npm() -> Path:
    """The directory with probot.mjs and its node_modules; UnavailableError without npm."""
    for program in ("node", "npm"):
        program_path(program, "install Node.js 20 or newer, with npm")
    return _installed(PEERS / "npm", "package-lock.json", _npm)


@cache
def from_pypi() -> Path:
    """The directory with the WSGI apps, aio.py and venv/; UnavailableError if pip fails."""
    return _installed(PEERS / "pypi", "requirements.txt", _pip)


def program_path(name: str, remedy: str) -> str:
    """The path of a program; raises UnavailableError with the remedy if it is missing."""
    path = shutil.which(name)
    if path is None:
        raise UnavailableError(f"{name} is not installed: {remedy}")
    return path


def _installed(source: Path, pinned: str, install: Callable[[Path], None]) -> Path:
    key = hashlib.sha256((source / pinned).read_bytes() + sys.version.encode()).hexdigest()[:16]
    place = cache_directory() / f"{source.name}-{key}"

    def make(fresh: Path) -> None:
        say(f"installing peers into {place}")
        shutil.copytree(source, fresh)
        install(fresh)

    made_once(place, make)
    # Our own files may have changed while the pins did not.
    shutil.copytree(source, place, dirs_exist_ok=True)
    return place


def _npm(place: Path) -> None:
    run = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=optional"]
    _run([*run, "--prefix", str(place)])


def _pip(place: Path) -> None:
    # Scripts of a moved virtual environment break; `python -m` works.
    venv = LockedVenv(place=place / "venv", environ=os.environ, tell=say)
    try:
        venv.set_up([place / "requirements.txt"])
    except BuildError as error:
        raise UnavailableError(f"the peers from PyPI cannot be installed: {error}") from error


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.CalledProcessError as error:
        stderr = error.stderr.strip()[-300:]
        raise UnavailableError(f"{' '.join(command[:3])} failed: {stderr}") from error
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"{' '.join(command[:3])} took too long") from error
