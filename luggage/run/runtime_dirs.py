"""Runtime directories of ncolony: private, new at each start, removed at the end.

An entry is a plain file, and ncolony passes its text to the child as NCOLONY_CONFIG. So an entry
holds the names of inherited variables, never a secret value.
"""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ncolony import ctllib

_PREFIX = "ncolony-"
_LOCK = "lock"


@dataclass(frozen=True, kw_only=True)
class ProcessEntry:
    """A process to keep alive: its `name`, its `command` and its environment.

    `inherit` names variables of ours, all of which must be set: ncolony would pass an unset one as
    an empty string, and a pex with an empty PEX_ROOT unpacks itself into the current directory.
    `settings` are further variables, written in plain text, so put no secret there.
    """

    name: str
    command: Sequence[str]
    inherit: Sequence[str]
    settings: Mapping[str, str]


@contextmanager
def runtime_dirs(parent: Path, entries: Sequence[ProcessEntry]) -> Iterator[ctllib.Places]:
    """Make ncolony's two directories (mode 0700) with `entries`, in a `fresh_directory`."""
    with fresh_directory(parent, _PREFIX) as home:
        places = ctllib.Places(config=str(home / "config"), messages=str(home / "messages"))
        for place in places:
            Path(place).mkdir(mode=0o700)
        for entry in entries:
            _add(places, entry)
        yield places


@contextmanager
def fresh_directory(parent: Path, prefix: str) -> Iterator[Path]:
    """Make a new directory (mode 0700) in `parent` whose name begins with `prefix`.

    It is removed at the end. Directories that killed processes of this user left are removed first.
    A lock protects those of living ones.
    """
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _sweep(parent, prefix)
    while True:
        home = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))  # mkdtemp: 0700, a new name
        with _locked(home) as is_ours:
            if not is_ours:  # another process removed it before we had the lock
                continue
            try:
                yield home
            finally:
                shutil.rmtree(home, ignore_errors=True)
            return


def _add(places: ctllib.Places, entry: ProcessEntry) -> None:
    ctllib.add(
        places,
        entry.name,
        entry.command[0],
        list(entry.command[1:]),
        env=[f"{name}={value}" for name, value in entry.settings.items()],
        env_inherit=list(entry.inherit),
    )


def _sweep(parent: Path, prefix: str) -> None:
    for home in filter(_is_own, parent.glob(f"{prefix}*")):
        with _locked(home) as is_orphaned:
            if is_orphaned:
                shutil.rmtree(home, ignore_errors=True)


def _is_own(home: Path) -> bool:
    """Return whether it is a directory of this user: in /tmp anyone may make one, or a link."""
    try:
        found = home.lstat()
    except FileNotFoundError:  # another supervisor has just removed it
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


@contextmanager
def _locked(home: Path) -> Iterator[bool]:
    """Try to lock `home`, and give whether it worked; the kernel unlocks it for a dead holder."""
    try:
        file = (home / _LOCK).open("w")
    except FileNotFoundError:  # another supervisor has just removed it
        yield False
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
