"""Start the fuzzer from a process that goes on afterwards, and say what it found."""

import ctypes
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.running import ROOT

# Inputs that broke a promise stay here, for `python -m tests.faults.fuzzing TARGET --input FILE`.
KEPT = ROOT / "build" / "fuzzing"
# In the short form: what meets a stranger first, without the time that the libraries behind take.
QUICK = ("deliveries", "signatures", "commands", "links", "answers", "log")
_SHOWN_BYTES = 300
# personality(2); libFuzzer learns from comparisons by where they lie in memory.
_ADDR_NO_RANDOMIZE = 0x0040000


def fuzz(
    names: Sequence[str], *, runs: int, seed: int, home: Path, light: bool
) -> Sequence[Mapping[str, Any]]:
    """Fuzz targets, none named: all; a mapping for each, as `python -m tests.faults.fuzzing` says.

    `home` is an empty directory. AssertionError when the fuzzer itself breaks.
    """
    command = [sys.executable, "-m", "tests.faults.fuzzing", *names, f"--runs={runs}"]
    command += [f"--seed={seed}", f"--home={home}", *(["--light"] if light else [])]
    # The order of sets is left to chance as well, unless it is told.
    environ = {**os.environ, "PYTHONHASHSEED": str(seed % 2**32), "TMPDIR": str(home)}
    home.mkdir(parents=True, exist_ok=True)
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=_hold_still,
    )
    told = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    assert ended.returncode == int(any(one["found"] for one in told)), ended.stderr[-2000:]
    assert told, ended.stderr[-2000:]
    return told


def _hold_still() -> None:
    """Have all lie in memory where it always does; some containers forbid it, and go without."""
    ctypes.CDLL(None).personality(_ADDR_NO_RANDOMIZE)


def words(told: Mapping[str, Any], kept: Path = KEPT) -> str:
    """What was found at a target, with the input, which is kept; "" where nothing was."""
    if not told["found"]:
        return ""
    said = f"{told['target']}: {told['found']} (exit code {told['code']})"
    if not told["input"]:
        return said
    kept.mkdir(parents=True, exist_ok=True)
    path = kept / f"{told['target']}-{Path(told['input']).name}"
    shutil.copy(told["input"], path)
    return f"{said}; input, kept as {path}: {path.read_bytes()[:_SHOWN_BYTES]!r}"
