"""Pex file: packs wheels into one file that unpacks itself into a virtual environment.

Without `--venv` each import would search a directory for each wheel (docs/decisions/0060).
"""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path

from luggage.buildpex import preamble
from luggage.buildpex.tools import ToolRunner

_CALL = """
try:
    from importlib.machinery import EXTENSION_SUFFIXES as _suffixes
except ImportError:
    _suffixes = []
_line = wrong_python(sys.version_info, _suffixes)
if _line:
    sys.exit(_line)
sys.executable = own_python(sys.executable)
_line = choose_root(os.environ, os.getuid())
if _line:
    sys.stderr.write(_line + "\\n")
"""


def preamble_source(name: str, python: Sequence[int], suffix: str) -> str:
    """Return the source that runs before pex's own: `preamble` with these values, and its call.

    `name` is the project's, `python` the required version, `suffix` the ending of its compiled
    modules' names. The source does not depend on the file name of the pex.
    """
    constants = {"TEMP_NAME": f"{name}-pex", "PYTHON": tuple(python[:2]), "SUFFIX": suffix}
    lines = inspect.getsource(preamble).splitlines()
    source = [_with_constant(line, constants) for line in lines if not line.startswith("# ruff")]
    return "\n".join(source) + "\n" + _CALL


def _with_constant(line: str, constants: Mapping[str, object]) -> str:
    name = line.partition(" = ")[0]
    return f"{name} = {constants[name]!r}" if name in constants else line


def make_pex(
    wheels: Path, output: Path, *, entry_point: str, preamble_text: str, runner: ToolRunner
) -> None:
    """Pack the wheels of a directory into `output`, which runs `entry_point`; no network.

    All wheels must be for the runner's Python and satisfy each other's requirements.
    `preamble_text` runs before anything else. Raises BuildError when the wheels do not fit.
    """
    preamble_file = output.with_name("preamble.py")
    preamble_file.write_text(preamble_text, encoding="utf-8")
    pins = ["==".join(path.name.split("-")[:2]) for path in sorted(wheels.glob("*.whl"))]
    inputs = [*pins, "--pre-resolved-dists", str(wheels), "--no-pypi", "--disable-cache"]
    # The preamble prints warnings, in one line.
    options = ("--venv", "--no-emit-warnings", "--entry-point", entry_point)
    files = ("--preamble-file", preamble_file, "--output-file", output)
    runner.run("packing the pex", "pex", *inputs, *options, *files)
