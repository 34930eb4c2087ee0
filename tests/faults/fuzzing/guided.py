"""Runner of the fuzzer from a process that survives it."""

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

# Failing inputs stay here, for `python -m tests.faults.fuzzing TARGET --input FILE`.
KEPT = ROOT / "build" / "fuzzing"
# The short form covers the parsers that strangers reach first, without their libraries.
QUICK = ("deliveries", "signatures", "commands", "links", "answers", "log")
_SHOWN_BYTES = 300
# personality(2); libFuzzer identifies comparisons by their addresses in memory.
_ADDR_NO_RANDOMIZE = 0x0040000


def fuzz(
    names: Sequence[str], *, runs: int, seed: int, home: Path, light: bool
) -> Sequence[Mapping[str, Any]]:
    """Fuzz these targets, by default all; returns the JSON of each.

    `home` is an empty directory. AssertionError when the fuzzer itself fails.
    """
    command = [sys.executable, "-m", "tests.faults.fuzzing", *names, f"--runs={runs}"]
    command += [f"--seed={seed}", f"--home={home}", *(["--light"] if light else [])]
    # The order of sets is random, too, unless fixed.
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
    """Disable address randomization; containers that forbid it go without."""
    ctypes.CDLL(None).personality(_ADDR_NO_RANDOMIZE)


def words(told: Mapping[str, Any], kept: Path = KEPT) -> str:
    """The finding at a target, with the input, which is kept; "" for none."""
    if not told["found"]:
        return ""
    said = f"{told['target']}: {told['found']} (exit code {told['code']})"
    if not told["input"]:
        return said
    kept.mkdir(parents=True, exist_ok=True)
    path = kept / f"{told['target']}-{Path(told['input']).name}"
    shutil.copy(told["input"], path)
    return f"{said}; input, kept as {path}: {path.read_bytes()[:_SHOWN_BYTES]!r}"
