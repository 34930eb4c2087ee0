"""Where the peers are: installed once, in exactly the versions that bench/peers pins.

Into a cache of the user and not into the repository: $PORTMANTEAU_BENCH_CACHE, or
portmanteau-bench in the user's cache directory. A change of what is pinned is another directory.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from bench.measure import UnavailableError
from bench.say import say
from luggage.buildpex import BuildError, LockedVenv

PEERS = Path(__file__).parent / "peers"
INSTALL_SECONDS = 600


def cache_directory() -> Path:
    """Where the bench keeps what it downloads."""
    named = os.environ.get("PORTMANTEAU_BENCH_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "portmanteau-bench"


@cache
def from_npm() -> Path:
    """The directory with probot.mjs and its node_modules, installed now if need be.

    Raises UnavailableError where node or npm is missing, or does not succeed.
    """
    for program in ("node", "npm"):
        program_path(program, "install Node.js 20 or newer, with npm")
    return _installed(PEERS / "npm", "package-lock.json", _npm)


@cache
def from_pypi() -> Path:
    """The directory with the WSGI apps, aio.py and a virtual environment in venv/.

    Raises UnavailableError where pip does not succeed.
    """
    return _installed(PEERS / "pypi", "requirements.txt", _pip)


def program_path(name: str, remedy: str) -> str:
    """Where a program is; raises UnavailableError with the remedy where it is not."""
    found = shutil.which(name)
    if found is None:
        raise UnavailableError(f"{name} is not installed: {remedy}")
    return found


def _installed(source: Path, pinned: str, install: Callable[[Path], None]) -> Path:
    key = hashlib.sha256((source / pinned).read_bytes() + sys.version.encode()).hexdigest()[:16]
    place = cache_directory() / f"{source.name}-{key}"
    if not place.exists():
        say(f"installing peers into {place}")
        # Into another directory first: what is interrupted must not look finished.
        fresh = place.with_name(place.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(source, fresh)
        install(fresh)
        fresh.rename(place)
    # What is ours may have changed without what is pinned.
    shutil.copytree(source, place, dirs_exist_ok=True)
    return place


def _npm(place: Path) -> None:
    run = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=optional"]
    _run([*run, "--prefix", str(place)])


def _pip(place: Path) -> None:
    # Scripts of a virtual environment name its place, so nothing calls them: `python -m` does.
    venv = LockedVenv(place=place / "venv", environ=os.environ, tell=say)
    try:
        venv.set_up([place / "requirements.txt"])
    except BuildError as error:
        raise UnavailableError(f"the peers from PyPI cannot be installed: {error}") from error


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.CalledProcessError as error:
        told = error.stderr.strip()[-300:]
        raise UnavailableError(f"{' '.join(command[:3])} failed: {told}") from error
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"{' '.join(command[:3])} took too long") from error
