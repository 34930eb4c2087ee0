"""Environment of a pip that obeys the lock files: of the user's settings it keeps the network's.

An index, a proxy and a certificate belong to the user's network, and stay. `user`, `target`,
`constraint`, `no-binary` and the like would change what is installed, and where: they are left out,
from variables and from configuration files alike.
"""

import ast
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from luggage.buildpex.errors import BuildError

# https://pip.pypa.io/en/stable/cli/pip/#general-options, and the index options of `pip install`.
_NETWORK = frozenset(
    {
        *("index-url", "extra-index-url", "find-links", "no-index", "trusted-host"),
        *("cert", "client-cert", "proxy", "keyring-provider", "cache-dir", "no-cache-dir"),
        *("timeout", "default-timeout", "retries", "resume-retries"),
    }
)
# A later one overrides an earlier one, as pip has it.
_SECTIONS = ("global", "install", "download", ":env:")
_SETTING = re.compile(r"([^.=]+)\.([^=]+)=(.+)")
# Options of `pip config` that would narrow, or silence, what it lists: `user = true` is both an
# option of `pip install` and one of these. A variable overrides a file.
_LIST_ALL = {f"PIP_{name}": "0" for name in ("GLOBAL", "QUIET", "SITE", "USER", "VERBOSE")}
_DROPPED = re.compile(r"PIP_.*|PYTHON.*|__PYVENV_LAUNCHER__")


def pip_environment(python: Path | str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` for a pip of `python`: without Python's variables, with the network's.

    Raises BuildError where that Python has no pip, or pip cannot read its configuration.
    """
    kept = {name: value for name, value in environ.items() if not _DROPPED.fullmatch(name)}
    return kept | network_settings(python, environ)


def network_settings(python: Path | str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what pip's variables and files say about reaching an index, as variables.

    With them, pip reads no configuration file. Raises BuildError as `pip_environment` does.
    """
    command = [str(python), "-I", "-m", "pip", "config", "list"]
    env = {name: value for name, value in environ.items() if name != "PIP_PYTHON"}
    done = subprocess.run(  # noqa: S603  a list, no shell
        command, env=env | _LIST_ALL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        told = "\n".join(done.stderr.splitlines()[-3:])
        raise BuildError(f"pip cannot tell its settings:\n{told}")
    settings = _network(done.stdout)
    return settings | {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
    }


def _network(listed: str) -> dict[str, str]:
    """Return the network's settings out of what `pip config list` printed."""
    found = [match.groups() for line in listed.splitlines() if (match := _SETTING.fullmatch(line))]
    return {
        f"PIP_{key.upper().replace('-', '_')}": ast.literal_eval(value)
        for section in _SECTIONS
        for at, key, value in found
        if at == section and key in _NETWORK
    }
