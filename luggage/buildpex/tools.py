"""Tool runner: runs build tools silently, without the operator's settings and secrets."""

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from luggage.buildpex.errors import BuildError
from luggage.buildpex.pip import network_settings

_PATHS = ("PATH", "HOME", "TMPDIR")
_NETWORK = re.compile(r"(?i)(https?|all|no)_proxy|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE")
_LAST_LINES = 20
# For the same permissions in every archive.
_UMASK = 0o022


def environment(
    environ: Mapping[str, str], *, tools: Path, epoch: int, network: bool = False
) -> dict[str, str]:
    """Return a tool's environment, made from the operator's `environ`.

    `tools` is the directory of installed tools; `epoch` is the time of files in archives, in
    seconds (SOURCE_DATE_EPOCH, https://reproducible-builds.org/specs/source-date-epoch/).
    """
    kept = {name: environ[name] for name in _PATHS if name in environ}
    if network:
        kept |= {name: value for name, value in environ.items() if _NETWORK.fullmatch(name)}
        kept |= network_settings(sys.executable, environ)
    return kept | {
        "PYTHONPATH": str(tools),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PEX_IGNORE_RCFILES": "true",
        "SOURCE_DATE_EPOCH": str(epoch),
    }


@dataclass(frozen=True)
class ToolRunner:
    """Runs Python modules with one interpreter, working directory and environment."""

    python: str
    cwd: Path
    env: Mapping[str, str]

    def run(self, step: str, module: str, *arguments: str | Path) -> None:
        """Run a Python module. Raises BuildError like `run`."""
        run(step, [self.python, "-m", module, *map(str, arguments)], env=self.env, cwd=self.cwd)


def run(step: str, command: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> None:
    """Run a program.

    Raises BuildError when it cannot be started, or, with its last lines, when it fails.
    """
    try:
        process = subprocess.run(  # noqa: S603  a list, no shell
            list(command),
            env=dict(env),
            cwd=cwd,
            umask=_UMASK,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise BuildError(f"{step}: {command[0]} cannot be started: {error.strerror}") from error
    if process.returncode != 0:
        lines = "\n".join(f"    {line}" for line in process.stdout.splitlines()[-_LAST_LINES:])
        raise BuildError(f"{step} failed with exit code {process.returncode}:\n{lines}")
