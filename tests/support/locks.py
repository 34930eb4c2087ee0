"""Lock files of the repository: their pins and hashes."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def tracked(*patterns: str) -> list[Path]:
    """The files that git tracks or would add, by pattern; relative to the root."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"]
    wanted = [f":(glob){pattern}" for pattern in patterns]
    done = subprocess.run([*command, *wanted], cwd=ROOT, check=True, capture_output=True, text=True)
    return sorted(Path(name) for name in done.stdout.split("\0") if (ROOT / name).is_file())


def pip_locks() -> list[Path]:
    """Each lock file of pip's form, relative to the root."""
    return tracked("**/requirements*.txt")


def npm_locks() -> list[Path]:
    """Each lock file of npm's, relative to the root."""
    return tracked("**/package-lock.json")


def entries(lock: Path) -> dict[Requirement, list[str]]:
    """The requirements of a lock file of pip's form, each with its SHA-256 digests."""
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    lines = (line.partition(" #")[0].split("--hash=") for line in text.splitlines())
    return {
        Requirement(words[0].strip()): [word.strip().removeprefix("sha256:") for word in words[1:]]
        for words in lines
        if words[0].strip() and not words[0].startswith(("#", "--"))
    }


def pins(lock: Path, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The version of each project that a lock file installs, here or where markers say."""
    return {
        canonicalize_name(each.name): next(iter(each.specifier)).version
        for each in entries(lock)
        if each.marker is None or each.marker.evaluate(dict(environment or {}))
    }
