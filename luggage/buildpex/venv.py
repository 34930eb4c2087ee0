"""Virtual environment with exactly the packages of some lock files, for one Python.

A record in it names the lock files, the Python and the path. When one of them has changed, or the
installation was interrupted, the environment is created again.
"""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from luggage.buildpex.errors import BuildError
from luggage.buildpex.pip import pip_environment
from luggage.buildpex.tools import run

# Without compilation by pip: Python compiles modules at their first import, which is about half.
_INSTALL = ("install", "--quiet", "--no-compile", "--no-deps", "--require-hashes", "-r")


@dataclass(frozen=True, kw_only=True)
class LockedVenv:
    """A virtual environment at `place`, of this Python; `tell` gets progress lines."""

    place: Path
    environ: Mapping[str, str] = field(repr=False)
    tell: Callable[[str], None]

    @property
    def python(self) -> Path:
        """The environment's Python."""
        return self.place.absolute() / "bin" / "python"

    def set_up(self, locks: Sequence[Path]) -> None:
        """Install the packages of `locks`, checked against their hashes; pip may print.

        It does nothing if they are installed. Safe to repeat, also after an interruption. Raises
        BuildError when Python or pip fails, or when `place` is something else.
        """
        try:
            self._set_up({str(lock): _digest(lock) for lock in locks})
        except OSError as error:
            raise BuildError(f"{error.filename}: {error.strerror}") from error

    def _set_up(self, requested: dict[str, str]) -> None:
        installed = self._installed()
        missing = [lock for lock in requested if lock not in installed]
        if not missing:
            return
        if installed:
            self._record.unlink()
        else:
            self._create()
        for lock in missing:
            self._install(lock)
        record = {"python": _this_python(), "place": self._home, "locks": installed | requested}
        self._record.write_text(json.dumps(record, indent=2))

    def _installed(self) -> dict[str, str]:
        """Return the installed lock files and their digests; empty once anything has changed."""
        try:
            record = json.loads(self._record.read_text())
            locks: dict[str, str] = record["locks"]
            current = all(_digest(Path(lock)) == digest for lock, digest in locks.items())
        except (FileNotFoundError, NotADirectoryError, ValueError, LookupError, TypeError):
            return {}
        same = (record.get("python"), record.get("place")) == (_this_python(), self._home)
        return locks if current and same and self.python.exists() else {}

    def _create(self) -> None:
        if not self._may_be_cleared():
            raise BuildError(f"{self.place} is not a virtual environment: move it away")
        if importlib.util.find_spec("ensurepip") is None:
            raise BuildError(
                "this Python cannot create virtual environments: on Debian or Ubuntu, run"
                " `apt-get install python3-venv`, or name another Python"
            )
        self.tell(f"creating {self.place} for Python {sys.version.split()[0]}")
        # Not sys.executable, which may be in the environment that is cleared here.
        base = getattr(sys, "_base_executable", sys.executable)
        command = [base, "-I", "-m", "venv", "--clear", str(self.place)]
        run(f"creating {self.place}", command, env=self.environ, cwd=Path.cwd())

    def _may_be_cleared(self) -> bool:
        """Return whether `place` is missing, empty or a virtual environment."""
        if (self.place / "pyvenv.cfg").exists() or not self.place.exists():
            return True
        return self.place.is_dir() and not any(self.place.iterdir())

    def _install(self, lock: str) -> None:
        self.tell(f"installing {lock}")
        env = pip_environment(self.python, self.environ)
        command = [str(self.python), "-I", "-m", "pip", *_INSTALL, lock]
        if subprocess.run(command, env=env, check=False).returncode != 0:  # noqa: S603  a list
            raise BuildError(f"pip could not install {lock}; see its messages above")

    @property
    def _record(self) -> Path:
        return self.place / "locked.json"

    @property
    def _home(self) -> str:
        """The path, which scripts contain: a moved environment must be created again."""
        return str(self.place.resolve())


def _digest(lock: Path) -> str:
    return sha256(lock.read_bytes()).hexdigest()


def _this_python() -> str:
    return f"{sys.version} in {sys.base_prefix}"
