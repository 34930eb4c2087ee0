"""Directories that many processes use, and the first of them makes."""

import contextlib
import fcntl
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock on the file `path`, made if it is missing, across processes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def made_once(place: Path, make: Callable[[Path], None]) -> Path:
    """The directory `place`; `make(fresh)` makes it if it is missing, one process at a time."""
    with locked(place.with_name(f"{place.name}.lock")):
        if not place.exists():
            # Make it elsewhere first, so an interrupted one does not look finished.
            fresh = place.with_name(f"{place.name}.new")
            shutil.rmtree(fresh, ignore_errors=True)
            make(fresh)
            fresh.rename(place)
    return place
