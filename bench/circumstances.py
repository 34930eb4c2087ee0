"""On what, when and how something was measured, in a line."""

import os
import platform
import re
import sqlite3
import subprocess
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]


def circumstances(command: str) -> str:
    """The line below a table: the command, the date, the commit, the machine, the versions."""
    machine = f"{processor()}, {len(os.sched_getaffinity(0))} cores, {memory_gib():.0f} GiB"
    versions = f"{platform.system()} {platform.release()}, CPython {platform.python_version()}"
    return (
        f"`{command}`, {datetime.now(UTC).date().isoformat()}, commit {commit()}; {machine}; "
        f"{versions}, SQLite {sqlite3.sqlite_version}."
    )


def processor() -> str:
    """What the processor calls itself."""
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def memory_gib() -> float:
    """The machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def commit() -> str:
    """The commit that is measured, with a plus where the tree differs from it.

    The page itself does not count: each measure writes its figures into it.
    """
    try:
        named = _git("rev-parse", "--short=7", "HEAD").strip()
        changed = _git("status", "--porcelain", "-uno", "--", ".", ":(exclude)docs/performance.md")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return named + "+" * bool(changed)


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
