"""The memory of processes, as Linux counts it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Footprint:
    """One process: its memory in MiB, with what it shares split between the sharers (PSS), or not.

    https://docs.kernel.org/filesystems/proc.html
    """

    pid: int
    command: str
    pss: float
    rss: float


def footprint(pid: int) -> Footprint:
    """What a living process takes now."""
    rollup = (_PROC / str(pid) / "smaps_rollup").read_text()
    words = (_PROC / str(pid) / "cmdline").read_text().split("\0")
    return Footprint(
        pid=pid,
        command=" ".join(word for word in words[1:] if word and "/" not in word),
        pss=_mib(rollup, "Pss"),
        rss=_mib(rollup, "Rss"),
    )


def family(pids: Iterable[int]) -> list[int]:
    """These processes and all that they have started, and so on."""
    children: dict[int, list[int]] = {}
    for stat in _PROC.glob("[0-9]*/stat"):
        try:
            # The name in brackets may hold anything.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = list(pids)
    for pid in found:
        found += sorted(children.get(pid, ()))
    return found


def _mib(rollup: str, name: str) -> float:
    found = re.search(rf"^{name}:\s+(\d+) kB$", rollup, re.MULTILINE)
    if found is None:
        raise ValueError(f"no {name} in smaps_rollup")
    return int(found[1]) / 1024
