"""The real pex, packed once a test run from a cached wheelhouse.

The machine's pip fills the wheelhouse in the tests' cache once for each set of requirements and
Python; a build then uses no network. The tree is copied first, so that it cannot change while it is
packed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.made_once import locked, made_once
from bot_deploy.mkpex import CONTENTS, LISTS
from tests.support import needs
from tests.support.checkout import committed_copy, run
from tests.support.documented import blocks, shell
from tests.support.locks import ROOT
from tests.support.octokit import cache_directory


@dataclass(frozen=True)
class Packed:
    """A pex, and the checkout where it was packed."""

    pex: Path
    home: Path

    @property
    def commit(self) -> str:
        """The commit that was packed."""
        return run("git", "rev-parse", "HEAD", cwd=self.home).stdout.strip()

    @property
    def bill(self) -> Path:
        """The bill of materials."""
        return self.pex.with_suffix(".cdx.json")

    @property
    def sha256(self) -> str:
        """The pex's digest."""
        return hashlib.sha256(self.pex.read_bytes()).hexdigest()


def wheelhouse() -> Path:
    """A wheelhouse for this Python; skips the test without a package index."""
    lists = b"".join((ROOT / name).read_bytes() for name in LISTS)
    key = hashlib.sha256(lists + sys.version.encode()).hexdigest()[:16]
    place = cache_directory() / f"wheelhouse-{key}"
    return made_once(place, _download)


def offline() -> dict[str, str]:
    """The variables with which pip takes the wheelhouse for the package index."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheelhouse())}


def _download(fresh: Path) -> None:
    done = mkpex(ROOT, "--download", fresh)
    if done.returncode != 0:
        raise needs.without("the package index", done.stderr)


def mkpex(
    tree: Path, *words: str | Path, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `mkpex` in a tree, as an operator does."""
    command = [sys.executable, "-m", "bot_deploy.mkpex", *map(str, words)]
    env = {**os.environ, **(environ or {})}
    return subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True, check=False)


def copy_tree(to: Path) -> Path:
    """Copy the packed files, and return the copy."""
    to.mkdir(parents=True)
    for name in (*CONTENTS, *LISTS):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, to / name)
    return to


def shared_directory(factory: pytest.TempPathFactory) -> Path:
    """A directory shared by all processes of this test run."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def packed_once(factory: pytest.TempPathFactory) -> Packed:
    """The pex of this test run, packed by the first caller as the first commands of the page do."""
    place = shared_directory(factory) / "packed"
    checkout = place / "checkout"
    with locked(place.with_name("packed.lock")):
        if not (checkout / "bot.pex").exists():
            shutil.rmtree(place, ignore_errors=True)
            commands = blocks("howto/deploy", section="As one file")[0]
            shell(commands, cwd=committed_copy(checkout), **offline())
    return Packed(checkout / "bot.pex", checkout)
