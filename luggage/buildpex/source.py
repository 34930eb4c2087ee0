"""The files that are packed, and the commit they are of.

Only files that git knows, or would offer to add, are packed: a secret.key that lies about in the
tree, ignored, can never end in a pex. Where there is no git, as inside an image that was sent the
files of a commit, the caller says which commit it is.
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
    """A commit: its hash, with "-dirty" after it for files that are not as committed, and its time.

    `committed_at` is in whole seconds since the epoch; archives get it as the time of their files.
    """

    hash: str
    committed_at: int

    @property
    def dirty(self) -> bool:
        """Whether the files differ from those of the commit."""
        return self.hash.endswith(DIRTY)


def commit_of(root: Path, names: Sequence[str] = (".",)) -> Commit:
    """Return the commit that is checked out at `root`; dirty if one of `names` is not as committed.

    Raises BuildError where there is no git, or no commit.
    """
    found, seconds = _git(root, "log", "-1", "--format=%H %ct").split()
    changed = _git(root, "status", "--porcelain", "--untracked-files=all", "--", *names)
    return Commit(found + (DIRTY if changed.strip() else ""), int(seconds))


def check_contents(root: Path, names: Sequence[str]) -> None:
    """Raise BuildError unless all that is to be packed is there, as it is in a checkout."""
    missing = [name for name in names if not (root / name).exists()]
    if missing:
        raise BuildError(
            f"{root} is no checkout, {missing[0]} is not there: name one with --source"
        )


def export(root: Path, names: Sequence[str], to: Path) -> None:
    """Copy the named files and folders of the checkout `root`, as they are now, into `to`.

    Modes become 0644, so that the umask of whoever checked it out does not show.
    """
    for relative in _files(root, names):
        target = to / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / relative, target)
        target.chmod(0o644)


def _files(root: Path, names: Sequence[str]) -> Iterator[Path]:
    if (root / ".git").exists():
        listed = _git(root, "ls-files", "-z", "-c", "-o", "--exclude-standard", "--", *names)
        found = {Path(name) for name in listed.split("\0") if name}
        # A file that was deleted, but not yet in the index, is still listed.
        yield from sorted(path for path in found if (root / path).is_file())
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


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(root), *words],  # noqa: S607  the operator's own git
            check=False,
            capture_output=True,
            text=True,
        )
    except OSError as error:
        raise BuildError(f"git cannot be started: {error.strerror}") from error
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["it failed"])[0]
        raise BuildError(
            f"git cannot say which commit this is ({reason}): "
            "give --commit HASH and --committed-at SECONDS"
        )
    return done.stdout
