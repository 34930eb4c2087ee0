"""Private keys from SECRET_KEY_FILE, SECRET_KEY, or the file secret.key next to config.toml.

A file is safer: every child inherits a variable, and the same user's processes read it in /proc.
"""

import codecs
import logging
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from bot_deploy.config.files import open_file
from bot_deploy.config.sources import key_file
from luggage.crypto import PrivateKey, SecretError, parse_private_keys

_LOG = logging.getLogger(__name__)
_FOR_OTHERS = 0o066
_MOST_BYTES = 65_536


class KeyGivenTwiceError(SecretError):
    """SECRET_KEY and SECRET_KEY_FILE are both set."""


class KeyFileError(SecretError):
    """The key's file cannot be read, or others may read it."""


def private_keys(environ: Mapping[str, str]) -> tuple[PrivateKey, ...]:
    """Return the private keys that `environ` names, or those next to config.toml, or none.

    An empty variable counts as unset, as supervisors set missing ones to nothing. A file that
    others may read is an error; if its mode cannot be changed, as in a container, it is a logged
    warning. Raises KeyGivenTwiceError, KeyFileError, and NotAKey, which names the variable.
    """
    named = environ.get("SECRET_KEY_FILE")
    if named and environ.get("SECRET_KEY"):
        raise KeyGivenTwiceError("SECRET_KEY and SECRET_KEY_FILE are both set: unset one of them")
    if path := key_file(environ):
        source = f"SECRET_KEY_FILE ({path})" if named else str(path)
        return parse_private_keys(_read(path), source=source)
    if environ.get("SECRET_KEY"):
        return parse_private_keys(environ["SECRET_KEY"], source="SECRET_KEY")
    return ()


def _read(path: Path) -> str:
    try:
        with open_file(path) as file:
            _require_private(path, os.fstat(file.fileno()))
            # Latin-1 decodes any bytes; the parser rejects anything but a key, without quoting it.
            raw: bytes = file.read(_MOST_BYTES)
            return raw.removeprefix(codecs.BOM_UTF8).decode("latin-1")
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        problem = getattr(error, "strerror", None) or "it is no path"
    raise KeyFileError(
        f"SECRET_KEY_FILE: {path} cannot be read ({problem}): "
        "correct the path, or let the bot's user read the file"
    )


def _require_private(path: Path, found: os.stat_result) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISREG(found.st_mode) or not mode & _FOR_OTHERS:
        return
    mendable = found.st_uid == os.geteuid() and mode & stat.S_IWUSR and os.access(path, os.W_OK)
    if mendable:
        raise KeyFileError(
            f"SECRET_KEY_FILE: others can access {path} (mode {mode:04o}): run chmod 600 {path}"
        )
    _LOG.warning(
        "SECRET_KEY_FILE: others can read %s (mode %04o): make it readable only for the bot's user",
        path,
        mode,
    )
