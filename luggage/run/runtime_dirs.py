"""The directories through which ncolony is told what to run: private, fresh, and gone at the end.

An entry is a file in clear, and ncolony hands its text to the child as NCOLONY_CONFIG. So an entry
holds the names of the variables that a child inherits and never a value.
"""

import fcntl
import shutil
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
    """A process to keep alive: its `name`, its `command`, and what of our environment it gets.

    `inherit` names the variables, each of which must be set: ncolony would hand an unset one over
    as an empty string, and a pex with an empty PEX_ROOT unpacks itself into the current directory.
    `settings` are further variables, written in clear: nothing secret belongs there.
    """

    name: str
    command: Sequence[str]
    inherit: Sequence[str]
    settings: Mapping[str, str]


@contextmanager
def private_places(parent: Path, entries: Sequence[ProcessEntry]) -> Iterator[ctllib.Places]:
    """Make the two directories that ncolony reads (mode 0700) with `entries`; remove them after.

    They are in a `fresh_directory` of `parent`.
    """
    with fresh_directory(parent, _PREFIX) as home:
        places = ctllib.Places(config=str(home / "config"), messages=str(home / "messages"))
        for place in places:
            Path(place).mkdir(mode=0o700)
        for entry in entries:
            _add(places, entry)
        yield places


@contextmanager
def fresh_directory(parent: Path, prefix: str, *, keep: bool = False) -> Iterator[Path]:
    """Make a directory of our own (mode 0700) in `parent`, named `prefix` and something new.

    It is removed at the end, or with `keep` when the next one is made. So is what a process left
    behind that was killed; a directory whose maker lives is known by its lock and left alone.
    """
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _sweep(parent, prefix)
    while True:
        home = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))  # mkdtemp: 0700, a new name
        with _locked(home) as mine:
            if not mine:  # another process swept it before it had a lock
                continue
            try:
                yield home
            finally:
                if not keep:
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
    for home in parent.glob(f"{prefix}*"):
        with _locked(home) as dead:
            if dead:
                shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _locked(home: Path) -> Iterator[bool]:
    """Hold the lock of `home` if nobody else does, and say whether we do.

    The kernel drops it when its holder dies; a pid in a file means nothing to another container.
    """
    try:
        file = (home / _LOCK).open("w")
    except FileNotFoundError:  # swept by another supervisor a moment ago
        yield False
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
