"""Memory of processes, as Linux counts it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Footprint:
    """The memory of a process in MiB; PSS divides shared pages among their users."""

    pid: int
    command: str
    pss: float
    rss: float


def footprint(pid: int) -> Footprint:
    """The current memory of a process."""
    rollup = (_PROC / str(pid) / "smaps_rollup").read_text()
    words = (_PROC / str(pid) / "cmdline").read_text().split("\0")
    return Footprint(
        pid=pid,
        command=" ".join(word for word in words[1:] if word and "/" not in word),
        pss=_mib(rollup, "Pss"),
        rss=_mib(rollup, "Rss"),
    )


def family(pids: Iterable[int]) -> list[int]:
    """These processes and all their descendants."""
    children: dict[int, list[int]] = {}
    for stat in _PROC.glob("[0-9]*/stat"):
        try:
            # The name in parentheses may contain anything.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    processes = list(pids)
    for pid in processes:
        processes += sorted(children.get(pid, ()))
    return processes


def _mib(rollup: str, name: str) -> float:
    size = re.search(rf"^{name}:\s+(\d+) kB$", rollup, re.MULTILINE)
    if size is None:
        raise ValueError(f"no {name} in smaps_rollup")
    return int(size[1]) / 1024
