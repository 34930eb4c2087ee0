"""Distributions built from the tree and installed into virtual environments, offline.

Everything comes from the wheelhouse of tests.support.packing; only that needs an index.
"""

import ensurepip
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.made_once import made_once
from tests.support import needs
from tests.support.packing import ROOT, copy_tree, shared_directory, wheelhouse

LIBRARY = Path("packaging", "luggage")
# Where this Python has its pip: in itself, or in a package of Debian's.
PIP = Path(
    sysconfig.get_config_var("WHEEL_PKG_DIR") or Path(ensurepip.__file__).parent / "_bundled"
)


@dataclass(frozen=True)
class Distribution:
    """An sdist, and the wheel built from it."""

    sdist: Path
    wheel: Path


def built(factory: pytest.TempPathFactory, name: str) -> Distribution:
    """`portmanteau` or `luggage` of this test run, built by the first caller."""
    place = shared_directory(factory) / f"distribution-{name}"

    def make(fresh: Path) -> None:
        tree = place.with_name(f"{place.name}-tree")
        _build(tree, fresh, LIBRARY if name == "luggage" else Path())

    out = made_once(place, make)
    (sdist,), (wheel,) = out.glob(f"{name}-*.tar.gz"), out.glob(f"{name}-*.whl")
    return Distribution(sdist, wheel)


def _build(tree: Path, out: Path, project: Path) -> None:
    copy_tree(tree)
    shutil.copytree(ROOT / LIBRARY, tree / LIBRARY, symlinks=True, ignore=_made)
    home = tree.with_name(f"{tree.name}-home")
    run(uv("build", "--out-dir", out), cwd=tree / project, home=home)


def _made(_folder: str, names: Sequence[str]) -> list[str]:
    return [name for name in names if name.endswith(".egg-info")]


def uv(*words: str | Path, python: str | Path = sys.executable) -> list[str]:
    """The uv command for a Python or environment that installs from the wheelhouse alone."""
    needs.need("uv")
    sources = ["--offline", "--no-index", f"--find-links={wheelhouse()}", f"--find-links={PIP}"]
    return [needs.uv(), *map(str, words), *sources, "--python", str(python)]


def run(command: Sequence[str], *, cwd: Path, home: Path) -> str:
    """Run a command in an almost empty environment; returns stdout or raises AssertionError."""
    home.mkdir(exist_ok=True)
    env = {"PATH": os.defpath, "HOME": str(home), "PIP_CONFIG_FILE": os.devnull}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def library_table() -> dict:
    """The core and the extras in packaging/luggage/pyproject.toml."""
    text = (ROOT / LIBRARY / "pyproject.toml").read_text()
    table = tomllib.loads(text)["tool"]["luggage"]
    return {"": table["core"]} | table["extras"]
