"""The coverage gate: lines and branches of each package, at least 95 %, from the last test run.

Run after the tests: `python -m tests.coverage_gate`. Exit code 1 names the package that fell short.
Lines are left out only by a `# pragma: no cover - REASON` beside them.
"""

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path, PurePath

LEAST_PERCENT = 95.0


def measured() -> dict[str, dict[str, dict[str, int]]]:
    """The coverage of each file, as `coverage json` reports it."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory, "coverage.json")
        command = [sys.executable, "-m", "coverage", "json", "--quiet", "-o", str(report)]
        subprocess.run(command, check=True)
        return json.loads(report.read_text())["files"]


def percentages(files: dict[str, dict[str, dict[str, int]]]) -> dict[str, float]:
    """The share of lines and branches that ran, in percent, for each package (folder)."""
    ran: dict[str, int] = defaultdict(int)
    all_: dict[str, int] = defaultdict(int)
    for name, found in files.items():
        package = ".".join(PurePath(name).parent.parts)
        summary = found["summary"]
        ran[package] += summary["covered_lines"] + summary["covered_branches"]
        all_[package] += summary["num_statements"] + summary["num_branches"]
    return {name: 100.0 * ran[name] / all_[name] for name in sorted(all_) if all_[name]}


def main() -> int:
    """Print a line for each package; 1 if one is below the gate."""
    found = percentages(measured())
    for package, percent in found.items():
        verdict = "" if percent >= LEAST_PERCENT else f"   below {LEAST_PERCENT:.0f} %"
        print(f"coverage {percent:6.2f} %  {package}{verdict}")
    return int(min(found.values(), default=0.0) < LEAST_PERCENT)


if __name__ == "__main__":
    sys.exit(main())
