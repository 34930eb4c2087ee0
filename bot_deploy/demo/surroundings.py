"""Surroundings of the demo: a temporary directory, free ports, and no setting of a bot."""

import re
import shlex
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bot_deploy.arguments import program
from bot_deploy.config.settings import database_in
from luggage.fake_github import FakeGithub
from luggage.run.runtime_dirs import fresh_directory

SLUG = "portmanteau"
LOCAL = "127.0.0.1"
_ALL = "0.0.0.0"  # noqa: S104  the port of a container is published from outside
_USUAL_PORT = 8000
_LAST_PORT = 65535
# What a program on this machine needs. All else stays outside, also variables of libraries: a
# proxy, a certificate, options of gunicorn.
_OF_THE_MACHINE = re.compile(
    "PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_.*|TZ|TZDIR|TERM|TMPDIR|TEMP|TMP|"
    "(PYTHON|PEX|LD_|DYLD_|COV_|COVERAGE_).*"
)
# Docker and Podman leave one of them in each container.
_OF_A_CONTAINER = (Path("/.dockerenv"), Path("/run/.containerenv"))
_PREFIX = "portmanteau-demo-"
_NO_SETTINGS = "# The demo runs with the defaults.\n"


@contextmanager
def home() -> Iterator[Path]:
    """Make a temporary directory for all files of the demo, and remove it at the end.

    Directories of killed demos are removed first. Raises OSError.
    """
    with fresh_directory(Path(tempfile.gettempdir()).absolute(), _PREFIX) as directory:
        _config_in(directory).write_text(_NO_SETTINGS, encoding="utf-8")
        yield directory


def default_host() -> str:
    """Return the address to listen on: the local one, or all of them in a container."""
    return _ALL if any(map(Path.exists, _OF_A_CONTAINER)) else LOCAL


def surroundings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what a program needs of the environment; no setting of any bot."""
    return {name: value for name, value in environ.items() if _OF_THE_MACHINE.fullmatch(name)}


def environment(
    environ: Mapping[str, str], github: FakeGithub, *, directory: Path, host: str
) -> dict[str, str]:
    """Return the environment of the bot's processes: the App of `github`, data in `directory`.

    Of the operator's settings only PORT is obeyed, if it is free.
    """
    return surroundings(environ) | {
        "BOT_CONFIG": str(_config_in(directory)),
        "BOT_DATA": str(directory),
        "DATABASE_URL": database_in(directory),
        # The simulated GitHub has no limit, and the demo may write more than 500 times an hour.
        "BOT_WRITE_LIMITS": "1 0 0",
        "GITHUB_API_URL": github.world.api_url,
        "GITHUB_SERVER_URL": github.world.server_url,
        "GITHUB_APP_ID": str(github.app_id),
        "GITHUB_PRIVATE_KEY": github.private_key,
        "GITHUB_USER_AGENT": SLUG,
        "GITHUB_WEBHOOK_SECRET": github.webhook_secret,
        "PORT": str(free_port(host, _wanted(environ.get("PORT", "")))),
    }


def command(directory: Path, environ: Mapping[str, str]) -> str:
    """Return the words that run a subcommand on the demo's database, in another terminal.

    `environ` is the operator's, whose database would come first.
    """
    settings = {"BOT_CONFIG": str(_config_in(directory)), "BOT_DATA": str(directory)}
    settings |= {name: "" for name in ("DATABASE_URL", "DATABASE_URL_FILE") if environ.get(name)}
    words = [f"{name}={shlex.quote(value) if value else ''}" for name, value in settings.items()]
    # A line each, as a shell continues it: together they would be too wide for the page.
    return " \\\n".join([*words[:-1], f"{words[-1]} {program()}"])


def free_port(host: str, wanted: int) -> int:
    """Return the wanted port if it is free, else another. Raises OSError if none is free."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            free: int = probe.getsockname()[1]
            return free
    raise OSError("there is no free port")


def _wanted(port: str) -> int:
    """Return the port that the operator wants, or the usual one."""
    is_port = port.isascii() and port.isdecimal() and 0 < int(port[:6]) <= _LAST_PORT
    return int(port) if is_port else _USUAL_PORT


def _config_in(directory: Path) -> Path:
    return directory / "config.toml"
