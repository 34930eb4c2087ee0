"""Source files of a build, and their commit.

Only files that git tracks, or would offer to add, are packed, so that an ignored secret.key cannot
end up in a pex. Without git, as in an image build, the caller names the commit.
"""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from luggage.buildpex.errors import BuildError

DIRTY = "-dirty"
_JUNK = ("__pycache__", "*.pyc", "*.egg-info", ".*_cache")


@dataclass(frozen=True)
class Commit:
    """A commit: its hash, followed by "-dirty" for uncommitted changes, and its time.

    `committed_at` is in whole seconds since the epoch; files in archives get this time.
    """

    hash: str
    committed_at: int

    @property
    def dirty(self) -> bool:
        """Whether there are uncommitted changes."""
        return self.hash.endswith(DIRTY)


def commit_of(root: Path, names: Sequence[str] = (".",)) -> Commit:
    """Return the commit checked out at `root`, dirty if `names` have changes. Raises BuildError."""
    commit_hash, seconds = _git(root, "log", "-1", "--format=%H %ct").split()
    changes = _git(root, "status", "--porcelain", "--untracked-files=all", "--", *names)
    return Commit(commit_hash + (DIRTY if changes.strip() else ""), int(seconds))


def check_contents(root: Path, names: Sequence[str]) -> None:
    """Raise BuildError unless `root` has all files and folders of `names`."""
    missing = [name for name in names if not (root / name).exists()]
    if missing:
        raise BuildError(
            f"{root} is not a checkout, {missing[0]} is missing: name one with --source"
        )


def export(root: Path, names: Sequence[str], to: Path) -> None:
    """Copy the named files of the checkout into `to`, with their changes and mode 0644."""
    for relative in _files(root, names):
        target = to / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / relative, target)
        target.chmod(0o644)


def _files(root: Path, names: Sequence[str]) -> Iterator[Path]:
    if (root / ".git").exists():
        listed = _git(root, "ls-files", "-z", "-c", "-o", "--exclude-standard", "--", *names)
        paths = {Path(name) for name in listed.split("\0") if name}
        # Git still lists a deleted file whose deletion is not in the index.
        yield from sorted(path for path in paths if (root / path).is_file())
        return
    for name in names:
        yield from sorted(_walk(root, Path(name)))


def _walk(root: Path, path: Path) -> Iterator[Path]:
    if any(path.match(pattern) for pattern in _JUNK):
        return
    if (root / path).is_file():
        yield path
    else:
        for child in (root / path).iterdir():
            yield from _walk(root, path / child.name)


def _git(root: Path, *arguments: str) -> str:
    try:
        process = subprocess.run(  # noqa: S603
            ["git", "-C", str(root), *arguments],  # noqa: S607  the operator's git
            check=False,
            capture_output=True,
            text=True,
        )
    except OSError as error:
        raise BuildError(f"git cannot be started: {error.strerror}") from error
    if process.returncode != 0:
        reason = (process.stderr.strip().splitlines() or ["it failed"])[0]
        raise BuildError(
            f"git cannot tell which commit this is ({reason}): "
            "pass --commit HASH and --committed-at SECONDS"
        )
    return process.stdout
