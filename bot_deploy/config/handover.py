"""Handover of secrets: `start` opens them, and gives each process those that it uses, over a pipe.

A process that was started by itself reads its own environment and config.toml instead.
"""

import json
import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bot_deploy.config.sources import KNOWN, Notice
from luggage.run import hide_memory, receive, take_out

if TYPE_CHECKING:  # `start` stays small
    from bot_deploy.config.settings import Config

# All that may hold a secret or lead to one, and what `move` reads.
SECRET = (
    "SECRET_KEY",
    "SECRET_KEY_FILE",
    "MOVE_TO",
    "MOVE_TO_FILE",
    *(variable for setting in KNOWN.values() for variable in setting.variables),
)
# Libraries read these in the environment, and passwords may be in them.
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
FOR_LIBRARIES = ("PGPASSWORD", *_PROXIES, *map(str.lower, _PROXIES))

_STDIN = "/dev/stdin"
_LOG = logging.getLogger(__name__)


def own_environment() -> dict[str, str]:
    """Return this process's environment, and hide the secrets in it from all other processes.

    From now on `os.environ` lacks them. Call it once, first. A key that SECRET_KEY_FILE has on
    /dev/stdin is read here, so it may be in a file that only root can open.
    """
    hide_memory()
    environ = take_out(os.environ, SECRET, hidden=FOR_LIBRARIES)
    if environ.get("SECRET_KEY_FILE") == _STDIN and not environ.get("SECRET_KEY"):
        # Opened by its name, it would have to be a file that this user can read.
        with os.fdopen(os.dup(0), "rb") as file:
            environ["SECRET_KEY"] = file.read().decode("latin-1")
        del environ["SECRET_KEY_FILE"]
    return environ


def packed_for(config: "Config", part: str, environ: Mapping[str, str]) -> bytes:
    """Open what a part uses, and return it for `load_part` in its process.

    Raises ConfigError for a missing value, SecretError for one that cannot be opened.
    """
    libraries = {name: environ[name] for name in FOR_LIBRARIES if name in environ}
    return json.dumps([config.handed_over(part), libraries]).encode()


def load_part(part: str) -> "Config":
    """Return the settings of this process, which is only one part of the bot: WEB or LOOP.

    Raises what `load` raises, and HandoverError if `start` ended meanwhile.
    """
    from bot_deploy.config import load  # noqa: PLC0415  see above

    environ = own_environment()
    handed = receive(os.environ)
    if handed is None:
        return load(environ, part=part)
    opened, libraries = json.loads(handed)
    os.environ.update(libraries)
    return load(os.environ, part=part, opened=opened)


def log_notices(*notices: Notice | None) -> None:
    """Log notices: as a warning where there is a remedy."""
    for notice in filter(None, notices):
        say = _LOG.warning if notice.remedy else _LOG.info
        say("%s", "; ".join(filter(None, (notice.detail, notice.remedy))))
