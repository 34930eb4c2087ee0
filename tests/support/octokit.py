"""Packages from npm: GitHub's examples and OpenAPI description, and axe-core.

They are installed once into a cache, in the versions of the lock files in npm/. The cache is
$PORTMANTEAU_TEST_CACHE, or portmanteau-tests in the user's cache directory. Without npm, tests that
need them are skipped.
"""

import contextlib
import functools
import hashlib
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.made_once import made_once
from tests.support import needs

LOCKS = Path(__file__).parent / "npm"
INSTALL_SECONDS = 300
# For this many seconds other test processes reuse a failure of npm instead of retrying.
GIVEN_UP_SECONDS = 300


@dataclass(frozen=True)
class Example:
    """One real delivery: the event's name and its payload."""

    event: str
    payload: dict[str, Any]


@functools.cache
def examples() -> tuple[Example, ...]:
    """All example payloads of github.com, 329 of them; skips the test where npm cannot be had."""
    text = (package("webhooks-examples") / "api.github.com/index.json").read_text()
    return tuple(Example(e["name"], payload) for e in json.loads(text) for payload in e["examples"])


@pytest.fixture(scope="session")
def octokit_examples() -> tuple[Example, ...]:
    """All example payloads, as a fixture."""
    return examples()


def package(name: str) -> Path:
    """The directory of an installed @octokit package; skips the test where npm cannot be had."""
    return module(f"@octokit/{name}")


def module(name: str) -> Path:
    """The directory of any installed package; skips the test where npm cannot be had."""
    try:
        return installed(cache_directory()) / "node_modules" / name
    except NotInstalledError as error:
        raise needs.without("npm's registry", f"{name}: {error}") from error


def cache_directory() -> Path:
    """The directory of the tests' downloads."""
    named = os.environ.get("PORTMANTEAU_TEST_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "portmanteau-tests"


class NotInstalledError(Exception):
    """npm is missing or failed; the message says which."""


def installed(cache: Path, wanted: str = "github") -> Path:
    """A lock file's node_modules, installed if needed, by one process; NotInstalledError."""
    digest = hashlib.sha256((LOCKS / wanted / "package-lock.json").read_bytes()).hexdigest()
    here = cache / f"{wanted}-{digest[:16]}"
    given_up = cache / f"{here.name}.given-up"

    def make(fresh: Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            if time.time() - given_up.stat().st_mtime < GIVEN_UP_SECONDS:
                raise NotInstalledError(given_up.read_text())
        try:
            _install(fresh, LOCKS / wanted)
        except NotInstalledError as error:
            given_up.write_text(str(error))
            raise

    return made_once(here, make)


def _install(place: Path, lock: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NotInstalledError("npm is not installed")
    shutil.copytree(lock, place)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
    command += ["--omit=optional", "--omit=dev", "--prefer-offline"]
    try:
        subprocess.run(
            [*command, "--prefix", str(place)],
            check=True,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        raise NotInstalledError(f"npm ci failed: {error.stderr.strip()[-300:]}") from error
    except subprocess.TimeoutExpired as error:
        raise NotInstalledError(f"npm ci took more than {INSTALL_SECONDS} s") from error
