"""Provenance of running code: version, commit, Python, and the versions of its parts.

The version is that of pyproject.toml. A pex has a stamp with the commit: mkpex writes it into the
wheel, so that no commit has to name itself. In a checkout git tells the commit, and in an
environment pip's record of where it installed from (PEP 610).
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
    """Return the version in the pyproject.toml of a checkout, "unknown" where there is none."""
    try:
        document = tomllib.loads((root / _PROJECT).read_text(encoding="utf-8"))
    except OSError:
        return "unknown"
    return str(document.get("project", {}).get("version", "unknown"))


def _stamped(path: Path) -> Commit:
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    return Commit(str(found["commit"]), int(found["committed_at"]))


def _checked_out(root: Path) -> Commit:
    # Without this an unpacked archive would name the commit of a repository around it.
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
    """Return the commit that pip or uv cloned, which they record without its time."""
    try:
        record = importlib.metadata.distribution(name).read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        record = None
    cloned = json.loads(record or "{}").get("vcs_info", {})
    return Commit(str(cloned.get("commit_id", _UNKNOWN.hash)), 0)


def _parts(name: str) -> dict[str, str]:
    found = {each.metadata["Name"]: each.version for each in importlib.metadata.distributions()}
    return {part: found[part] for part in sorted(found, key=str.lower) if part != name}
