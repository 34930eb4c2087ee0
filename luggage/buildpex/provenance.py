"""Provenance of running code: version, commit, Python and dependencies.

The version is pyproject.toml's. The commit comes from a stamp that mkpex writes into the wheel,
from git in a checkout, or from pip's record of the installation (PEP 610).
"""

import importlib.metadata
import json
import platform
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from luggage.buildpex.errors import BuildError
from luggage.buildpex.source import Commit, commit_of

STAMP = "build.toml"
_PROJECT = "pyproject.toml"
_UNKNOWN = Commit("unknown", 0)


@dataclass(frozen=True)
class Provenance:
    """The provenance of a program; `parts` maps the other distributions to their versions."""

    name: str
    version: str
    commit: Commit
    python: str
    parts: Mapping[str, str]


def stamp(package: Path, commit: Commit) -> None:
    """Write a package's commit into it, before it is packed."""
    text = f'commit = "{commit.hash}"\ncommitted_at = {commit.committed_at}\n'
    path = package / STAMP
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)  # like the other packed files, whatever the umask


def provenance(name: str, package: Path) -> Provenance:
    """Return the provenance of the code in the directory `package`; asks git in a checkout.

    `name` is the distribution's. Unknown values are "unknown".
    """
    root = package.parent
    stamped = (package / STAMP).exists()
    checked_out = not stamped and (root / _PROJECT).exists()
    if stamped:
        commit = _stamped(package / STAMP)
    else:
        commit = _checked_out(root) if checked_out else _installed_commit(name)
    return Provenance(
        name=name,
        version=project_version(root) if checked_out else _installed_version(name),
        commit=commit,
        python=platform.python_version(),
        parts=_parts(name),
    )


def project_version(root: Path) -> str:
    """Return the version in a checkout's pyproject.toml, "unknown" without one."""
    try:
        document = tomllib.loads((root / _PROJECT).read_text(encoding="utf-8"))
    except OSError:
        return "unknown"
    return str(document.get("project", {}).get("version", "unknown"))


def _stamped(path: Path) -> Commit:
    stamped = tomllib.loads(path.read_text(encoding="utf-8"))
    return Commit(str(stamped["commit"]), int(stamped["committed_at"]))


def _checked_out(root: Path) -> Commit:
    # Otherwise an unpacked archive would name the commit of a surrounding repository.
    if not (root / ".git").exists():
        return _UNKNOWN
    try:
        return commit_of(root)
    except BuildError:
        return _UNKNOWN


def _installed_version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _installed_commit(name: str) -> Commit:
    """Return the commit that pip or uv recorded, which has no time."""
    try:
        record = importlib.metadata.distribution(name).read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        record = None
    cloned = json.loads(record or "{}").get("vcs_info", {})
    return Commit(str(cloned.get("commit_id", _UNKNOWN.hash)), 0)


def _parts(name: str) -> dict[str, str]:
    versions = {each.metadata["Name"]: each.version for each in importlib.metadata.distributions()}
    return {part: versions[part] for part in sorted(versions, key=str.lower) if part != name}
