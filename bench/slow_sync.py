"""Slow disk: delays the syncs of one program.

A small preloaded library wraps fsync and fdatasync. dm-delay would need root and its own device,
and would delay other requests, too.
"""

import subprocess
import sys
from pathlib import Path

from bench.cache import program_path
from bench.circumstances import ON_DISK
from bench.measure import UnavailableError

_SOURCE = Path(__file__).with_suffix(".c")
_REMEDY = "install a C compiler (apt install gcc libc6-dev)"
_PROBE = "from bench.circumstances import ON_DISK, sync_ms; print(sync_ms(ON_DISK))"
# The share of the delay that must remain.
_TOLERANCE = 0.5


def slow_sync(home: Path, milliseconds: float) -> dict[str, str]:
    """The environment that delays each sync; UnavailableError without a C compiler."""
    compiler = program_path("cc", _REMEDY)
    library = home / "slow_sync.so"
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(_SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UnavailableError(f"cc: {done.stderr.strip()[-300:]}")
    environ = {"LD_PRELOAD": str(library), "BENCH_SYNC_MS": f"{milliseconds:g}"}
    if (measured := _probed(environ)) < milliseconds * _TOLERANCE:
        raise UnavailableError(f"a delayed sync took {measured:.2f} ms on {ON_DISK}: no delay")
    return environ


def _probed(environ: dict[str, str]) -> float:
    """The milliseconds of a sync in that environment."""
    root = _SOURCE.parents[1]
    command = [sys.executable, "-c", _PROBE]
    done = subprocess.run(
        command, cwd=root, env=environ, capture_output=True, text=True, check=True
    )
    return float(done.stdout)
