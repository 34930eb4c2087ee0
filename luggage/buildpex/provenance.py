"""Where running code comes from: version, commit, Python, and the versions of its parts.

The version is setup.py's. The commit is written into the wheel while it is built, into a file that
the checkout does not have, so that no commit has to name itself; in a checkout git is asked.
"""

import ast
import importlib.metadata
import platform
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from luggage.buildpex.errors import BuildError
from luggage.buildpex.source import Commit, commit_of

STAMP = "build.toml"
_UNKNOWN = Commit("unknown", 0)


@dataclass(frozen=True)
class Provenance:
    """What this program is made of; `parts` maps each distribution beside it to its version."""

    name: str
    version: str
    commit: Commit
    python: str
    parts: Mapping[str, str]


def stamp(package: Path, commit: Commit) -> None:
    """Write into a package which commit it is of, to be packed with it."""
    text = f'commit = "{commit.hash}"\ncommitted_at = {commit.committed_at}\n'
    path = package / STAMP
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)  # as the other files that are packed, whatever the umask


def provenance(name: str, package: Path) -> Provenance:
    """Return where the code of `package`, a directory, comes from; asks git in a checkout.

    `name` is the distribution's. What cannot be found out is "unknown".
    """
    built = package / STAMP
    root = package.parent
    return Provenance(
        name=name,
        version=_installed(name) if built.exists() else setup_version(root),
        commit=_stamped(built) if built.exists() else _checked_out(root),
        python=platform.python_version(),
        parts=_parts(name),
    )


def setup_version(root: Path) -> str:
    """Return the version in the setup.py of a checkout, which is read and not run."""
    try:
        tree = ast.parse((root / "setup.py").read_text(encoding="utf-8"))
    except OSError:
        return "unknown"
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "version":
            return str(ast.literal_eval(node.value))
    return "unknown"


def _stamped(path: Path) -> Commit:
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    return Commit(str(found["commit"]), int(found["committed_at"]))


def _checked_out(root: Path) -> Commit:
    try:
        return commit_of(root)
    except BuildError:
        return _UNKNOWN


def _installed(name: str) -> str:
    return importlib.metadata.version(name)


def _parts(name: str) -> dict[str, str]:
    found = {each.metadata["Name"]: each.version for each in importlib.metadata.distributions()}
    return {part: found[part] for part in sorted(found, key=str.lower) if part != name}
