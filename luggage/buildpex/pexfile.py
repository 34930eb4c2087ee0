"""The pex itself: wheels in, one file out.

`--venv`: at its first start the pex makes a virtual environment of itself, which the next starts
only enter. All modules are then in one directory; without it each import would look through one for
each of the wheels. Sizes and times are in docs/decisions.
"""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path

from luggage.buildpex import preamble
from luggage.buildpex.tools import Bench

_CALL = """
try:
    from importlib.machinery import EXTENSION_SUFFIXES as _suffixes
except ImportError:
    _suffixes = []
_line = wrong_python(sys.version_info, _suffixes)
if _line:
    sys.exit(_line)
_line = choose_place(os.environ, os.getuid())
if _line:
    sys.stderr.write(_line + "\\n")
"""


def preamble_source(name: str, python: Sequence[int], suffix: str) -> str:
    """Return what is put before pex's own first line: `preamble`, with these values, and called.

    `name` is the project's, `python` the version that is needed, `suffix` what the names of its
    compiled modules end with. Nothing depends on what the pex is called: the same is the same.
    """
    wanted = {"PLACE": f"{name}-pex", "PYTHON": tuple(python[:2]), "SUFFIX": suffix}
    lines = inspect.getsource(preamble).splitlines()
    source = [_setting(line, wanted) for line in lines if not line.startswith("# ruff")]
    return "\n".join(source) + "\n" + _CALL


def _setting(line: str, wanted: Mapping[str, object]) -> str:
    name = line.partition(" = ")[0]
    return f"{name} = {wanted[name]!r}" if name in wanted else line


def make_pex(wheels: Path, output: Path, *, entry_point: str, opening: str, bench: Bench) -> None:
    """Write `output`, which runs `entry_point`, from the wheels in a directory; no network.

    All of them must be for the bench's Python, and together be all that they require. `opening` is
    run before anything else. Raises BuildError when the wheels do not fit.
    """
    first = output.with_name("preamble.py")
    first.write_text(opening, encoding="utf-8")
    pins = ["==".join(path.name.split("-")[:2]) for path in sorted(wheels.glob("*.whl"))]
    packed = [*pins, "--pre-resolved-dists", str(wheels), "--no-pypi", "--disable-cache"]
    # What has to be said at a start is said by `opening`, in a line.
    ways = ("--venv", "--no-emit-warnings", "--entry-point", entry_point)
    ends = ("--preamble-file", first, "--output-file", output)
    bench.run("packing the pex", "pex", *packed, *ways, *ends)
