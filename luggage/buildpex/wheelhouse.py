"""The wheelhouse: what was downloaded, each file checked against its hash; and wheels out of it.

It holds the tools as well as the parts, so that a kept one is all that a build needs. Files are
checked when they come in and again when they are used: a wheelhouse may have been kept for long.
"""

import shutil
from pathlib import Path

from luggage.buildpex.tools import Bench

_QUIETLY = ("--quiet", "--no-input")
_CHECKED = ("--require-hashes", "--no-deps", "--no-build-isolation")
# Neither the operator's settings of pip nor a wheel that an earlier build left in its cache.
_OFFLINE = ("--isolated", "--no-index", "--no-cache-dir")


def download(requirements: Path, house: Path, bench: Bench) -> None:
    """Download what `requirements` names into `house`, for the bench's Python; needs a network.

    Wheels where there are any. Raises BuildError for what is not there or has another hash.
    """
    words = ("download", *_CHECKED, "--prefer-binary", "-r", requirements, "--dest", house)
    bench.run(f"downloading {requirements.name}", "pip", *_QUIETLY, *words)


def install(requirements: Path, house: Path, into: Path, bench: Bench) -> None:
    """Install what `requirements` names from `house` into a directory for PYTHONPATH.

    Raises BuildError for what is not in the wheelhouse or has another hash.
    """
    words = ("install", *_OFFLINE, *_CHECKED, "--find-links", house, "-r", requirements)
    step = f"installing {requirements.name}"
    bench.run(step, "pip", *_QUIETLY, *words, "--target", into, "--no-compile")


def wheels(requirements: Path, house: Path, into: Path, bench: Bench) -> None:
    """Put a wheel of each requirement into a directory: as it came, or built from its source.

    No network: what building takes must be among the tools in PYTHONPATH. Raises BuildError as
    `install` does.
    """
    words = ("wheel", *_OFFLINE, *_CHECKED, "--find-links", house, "-r", requirements)
    step = f"collecting the wheels of {requirements.name}"
    bench.run(step, "pip", *_QUIETLY, *words, "--wheel-dir", into)


def own_wheel(source: Path, into: Path, bench: Bench) -> Path:
    """Build the wheel of the project in `source`, which is written to, and return its path.

    Raises BuildError when it cannot be built.
    """
    made = source.with_name("own-wheel")
    words = ("wheel", *_OFFLINE, "--no-deps", "--no-build-isolation", source, "--wheel-dir", made)
    bench.run("building our own wheel", "pip", *_QUIETLY, *words)
    (wheel,) = made.glob("*.whl")
    return Path(shutil.move(wheel, into / wheel.name))
