"""Running the programs that do the work: quietly, and in an environment that decides nothing.

A build must not depend on who runs it. So a tool gets the few variables that say where things are
and how the network is reached, and none of the rest: neither the settings of another pex nor a
secret of the operator's has any business in setuptools.
"""

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from luggage.buildpex.errors import BuildError
from luggage.buildpex.pip import network_settings

# Where programs and temporary files are, and how the network is reached.
_PLACES = ("PATH", "HOME", "TMPDIR")
_NETWORK = re.compile(r"(?i)(https?|all|no)_proxy|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE")
_LAST_LINES = 20
# The same permissions in every archive, whoever builds it.
_UMASK = 0o022


def environment(
    given: Mapping[str, str], *, tools: Path, epoch: int, network: bool = False
) -> dict[str, str]:
    """Return the environment of a tool: what the result may depend on is set, the rest left out.

    `tools` is where they are installed, or will be; `epoch` the time in seconds that archives get
    (SOURCE_DATE_EPOCH, https://reproducible-builds.org/specs/source-date-epoch/).
    """
    found = {name: given[name] for name in _PLACES if name in given}
    if network:
        found |= {name: value for name, value in given.items() if _NETWORK.fullmatch(name)}
        found |= network_settings(sys.executable, given)
    return found | {
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
class Bench:
    """Where a tool works: the Python that runs it, its directory, and its environment."""

    python: str
    place: Path
    env: Mapping[str, str]

    def run(self, step: str, module: str, *words: str | Path) -> None:
        """Run a module of Python to its end.

        Raises BuildError with the last lines of one that fails or cannot be started.
        """
        run(step, [self.python, "-m", module, *map(str, words)], env=self.env, cwd=self.place)


def run(step: str, command: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> None:
    """Run a program to its end.

    Raises BuildError with the last lines of a tool that fails or cannot be started.
    """
    try:
        done = subprocess.run(  # noqa: S603  a list, no shell
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
    if done.returncode != 0:
        lines = "\n".join(f"    {line}" for line in done.stdout.splitlines()[-_LAST_LINES:])
        raise BuildError(f"{step} failed, exit code {done.returncode}:\n{lines}")
