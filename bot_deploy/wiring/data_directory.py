"""Data directory: only the bot's user may use it, and the database in it.

What is open to others is closed, if it belongs to the bot's user; otherwise the bot does not start.
"""

import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from bot_deploy.config import Config
from bot_deploy.config.sources import ConfigError
from luggage.database import SQLITE_SUFFIXES, require_place

_OF_OTHERS = 0o077
_OF_ALL = 0o007
# A backup is often made beside the database.
_DATABASES = ("*.sqlite", *(f"*.sqlite{suffix}" for suffix in SQLITE_SUFFIXES if suffix))

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Exposed:
    """A file or directory that others may use; `remedy` is "" if the bot may close it."""

    path: Path
    mode: int
    remedy: str = ""

    def __str__(self) -> str:
        """Return what is wrong."""
        return f"others may use {self.path} (mode {self.mode:04o})"


def prepare_data(config: Config) -> None:
    """Make the data directory, and close it and the database to others. Safe to repeat.

    Raises ConfigError, with the remedy, for what the bot may not close or use.
    """
    try:
        _prepare(config)
    except OSError as error:
        raise ConfigError(unusable(config.data, error)) from error


def unusable(data: Path, error: OSError) -> str:
    """Return why a data directory cannot be used, with the remedy."""
    problem = "it is not a directory" if isinstance(error, FileExistsError) else error.strerror
    place = "" if error.filename in (None, str(data)) else f" of {os.fsdecode(error.filename)}"
    return (
        f"the data directory {data} cannot be used ({problem}{place}): set BOT_DATA to a directory "
        f"that the bot's user ({os.geteuid()}) may write"
    )


def _prepare(config: Config) -> None:
    config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if database := _sqlite_path(config):
        require_place(database)
    _make_database(config)
    for each in exposed(config):
        if each.remedy:
            raise ConfigError(f"{each}: {each.remedy}")
        each.path.chmod(each.mode & ~_OF_OTHERS)
        log.warning("%s: it is now closed to them", each)


def exposed(config: Config) -> Iterator[Exposed]:
    """Yield what others may use: the directory, and the files of the database. Changes nothing.

    Raises OSError if there is no data directory.
    """
    directory = config.data
    found = directory.stat()
    if _is_exposed(found):
        remedy = _directory_remedy(directory, found)
        yield Exposed(directory, stat.S_IMODE(found.st_mode), remedy)
    for path in sorted(_files(config)):
        try:
            found = path.lstat()
        except FileNotFoundError:  # SQLite removes its journals
            continue
        if _is_exposed(found) and not (stat.S_ISLNK(found.st_mode) or stat.S_ISDIR(found.st_mode)):
            is_own = found.st_uid == os.geteuid()
            remedy = "" if is_own else f"make it yours, or run `chmod 600 {path}` as its owner"
            yield Exposed(path, stat.S_IMODE(found.st_mode), remedy)


def _is_exposed(found: os.stat_result) -> bool:
    """Return whether others may use it; a group alone may be the pod's, if it is not ours."""
    is_own = found.st_uid == os.geteuid()
    return bool(found.st_mode & (_OF_OTHERS if is_own else _OF_ALL))


def _directory_remedy(path: Path, found: os.stat_result) -> str:
    """Return what the operator has to do; "" if the bot may close the directory itself."""
    if not found.st_mode & _OF_ALL:
        return ""
    own_directory = f"set BOT_DATA to a directory of the bot's own, such as {path / 'bot'}"
    if found.st_uid != os.geteuid():
        return f"it belongs to another user; give it to the bot's user, or {own_directory}"
    is_shared = found.st_mode & stat.S_ISVTX or path.resolve() in (Path("/"), Path.home())
    if is_shared or any(entry.lstat().st_uid != found.st_uid for entry in path.iterdir()):
        return f"others keep files there; {own_directory}"
    return ""


def _files(config: Config) -> Iterator[Path]:
    """Yield the files of the database, and the other databases, pipes and sockets next to it."""
    for pattern in _DATABASES:
        yield from config.data.glob(pattern)
    for path in config.data.iterdir():
        if path.is_fifo() or path.is_socket():
            yield path
    if (database := _sqlite_path(config)) and database.parent.resolve() != config.data.resolve():
        yield from (database.with_name(database.name + suffix) for suffix in SQLITE_SUFFIXES)


def _make_database(config: Config) -> None:
    """Make an empty database that others cannot read; SQLite gives its journals the same mode."""
    database = _sqlite_path(config)
    if database and database.parent.is_dir() and not database.exists():
        try:
            os.close(os.open(database, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:  # another process made it meanwhile
            return


def _sqlite_path(config: Config) -> Path | None:
    try:
        url = make_url(config.database_url)
    except ValueError:  # reported when the engine is made
        return None
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(str(url.database)) if is_file else None
