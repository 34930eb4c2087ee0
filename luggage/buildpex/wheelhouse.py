"""Wheelhouse: a directory with the tools and dependencies of a build.

Hashes are checked at the download and again at each use.
"""

import shutil
from pathlib import Path

from luggage.buildpex.tools import ToolRunner

_QUIETLY = ("--quiet", "--no-input")
_CHECKED = ("--require-hashes", "--no-deps", "--no-build-isolation")
# Ignores the operator's pip configuration and pip's cache.
_OFFLINE = ("--isolated", "--no-index", "--no-cache-dir")


def download(requirements: Path, house: Path, runner: ToolRunner) -> None:
    """Download `requirements`, preferably wheels, into `house`. Raises BuildError."""
    arguments = ("download", *_CHECKED, "--prefer-binary", "-r", requirements, "--dest", house)
    runner.run(f"downloading {requirements.name}", "pip", *_QUIETLY, *arguments)


def install(requirements: Path, house: Path, into: Path, runner: ToolRunner) -> None:
    """Install `requirements` from `house` into `into`, for PYTHONPATH. Raises BuildError."""
    arguments = ("install", *_OFFLINE, *_CHECKED, "--find-links", house, "-r", requirements)
    step = f"installing {requirements.name}"
    runner.run(step, "pip", *_QUIETLY, *arguments, "--target", into, "--no-compile")


def wheels(requirements: Path, house: Path, into: Path, runner: ToolRunner) -> None:
    """Put a wheel of each requirement into `into`: as downloaded, or built from source.

    No network is used: the tools in PYTHONPATH must include the build backends. Raises BuildError
    like `install`.
    """
    arguments = ("wheel", *_OFFLINE, *_CHECKED, "--find-links", house, "-r", requirements)
    step = f"collecting the wheels of {requirements.name}"
    runner.run(step, "pip", *_QUIETLY, *arguments, "--wheel-dir", into)


def own_wheel(source: Path, into: Path, runner: ToolRunner) -> Path:
    """Build the wheel of `source` in `into`, and return its path; also writes into `source`.

    Raises BuildError.
    """
    output = source.with_name("own-wheel")
    arguments = ("wheel", *_OFFLINE, "--no-deps", "--no-build-isolation", source)
    runner.run("building our own wheel", "pip", *_QUIETLY, *arguments, "--wheel-dir", output)
    (wheel,) = output.glob("*.whl")
    return Path(shutil.move(wheel, into / wheel.name))
