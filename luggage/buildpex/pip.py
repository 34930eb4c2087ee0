"""Environment for pip that keeps only the network settings of its user.

An index, a proxy and a certificate stay. Settings such as `user`, `target`, `constraint` and
`no-binary`, in variables or files, would change what the lock files install, so they are dropped.
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
# A later section overrides an earlier one, as in pip.
_SECTIONS = ("global", "install", "download", ":env:")
_SETTING = re.compile(r"([^.=]+)\.([^=]+)=(.+)")
# Variables that override options of `pip config`, because those would narrow or silence its list:
# `user = true` is an option of both `pip install` and `pip config`.
_LIST_ALL = {f"PIP_{name}": "0" for name in ("GLOBAL", "QUIET", "SITE", "USER", "VERBOSE")}
_DROPPED = re.compile(r"PIP_.*|PYTHON.*|__PYVENV_LAUNCHER__")


def pip_environment(python: Path | str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` for pip, with its network settings and without variables of Python.

    Raises BuildError when `python` has no pip, or pip cannot read its configuration.
    """
    kept = {name: value for name, value in environ.items() if not _DROPPED.fullmatch(name)}
    return kept | network_settings(python, environ)


def network_settings(python: Path | str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return pip's network settings as variables that replace its files. Raises BuildError."""
    command = [str(python), "-I", "-m", "pip", "config", "list"]
    env = {name: value for name, value in environ.items() if name != "PIP_PYTHON"}
    process = subprocess.run(  # noqa: S603  a list, no shell
        command, env=env | _LIST_ALL, capture_output=True, text=True, check=False
    )
    if process.returncode != 0:
        last_lines = "\n".join(process.stderr.splitlines()[-3:])
        raise BuildError(f"pip cannot list its settings:\n{last_lines}")
    settings = _network(process.stdout)
    return settings | {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
    }


def _network(listed: str) -> dict[str, str]:
    """Return the network settings in the output of `pip config list`."""
    lines = [match.groups() for line in listed.splitlines() if (match := _SETTING.fullmatch(line))]
    return {
        f"PIP_{key.upper().replace('-', '_')}": ast.literal_eval(value)
        for section in _SECTIONS
        for at, key, value in lines
        if at == section and key in _NETWORK
    }
