"""Circumstances of a measurement, in one line."""

import os
import platform
import re
import sqlite3
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
# A disk: on many machines /tmp is memory, where a sync is free.
ON_DISK = Path("/var/tmp")
_SYNCS = 100


def circumstances(command: str) -> str:
    """The line below a table: command, date, commit, machine and versions."""
    machine = f"{processor()}, {len(os.sched_getaffinity(0))} cores, {memory_gib():.0f} GiB"
    versions = f"{platform.system()} {platform.release()}, CPython {platform.python_version()}"
    sync = f"a sync takes {sync_ms(ON_DISK):.1f} ms"
    return (
        f"`{command}`, {datetime.now(UTC).date().isoformat()}, commit {commit()}; {machine}; "
        f"{versions}, SQLite {sqlite3.sqlite_version}; {sync}."
    )


def processor() -> str:
    """The name of the processor."""
    model = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return model[1] if model else platform.machine()


def memory_gib() -> float:
    """The machine's memory in GiB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def sync_ms(directory: Path) -> float:
    """The median time of a durable write of 8 KiB, in milliseconds."""
    times = []
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        for _ in range(_SYNCS):
            file.seek(0)
            file.write(bytes(8192))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return 1000 * median(times)


def commit() -> str:
    """The measured commit, with a plus if the tree, without the page, differs from it."""
    try:
        short = _git("rev-parse", "--short=7", "HEAD").strip()
        changed = _git("status", "--porcelain", "-uno", "--", ".", ":(exclude)docs/performance.md")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return short + "+" * bool(changed)


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
