"""Command `python -m tests.faults.fuzzing`: coverage-guided fuzzing, or one input again.

libFuzzer ends its process, so each target has its own: a fork of this one, which has loaded the
bot. Only a target's own modules are instrumented, because that takes longer than loading them. It
prints one line of JSON a target. The exit code is 1 when something was found.
"""

import argparse
import gc
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FunctionType

import atheris

from tests.faults.fuzzing import mutation
from tests.faults.fuzzing.targets import CANARY, TARGETS, Target

_AT_ONCE = 2
# A slower input would delay its reader too long.
_SLOWEST_SECONDS = 20
_DONE = re.compile(r"^#(\d+)\s+DONE\s+cov: (\d+) ft: (\d+) corp: (\d+)", re.MULTILINE)
_SAID = re.compile(r"^ === Uncaught Python exception: ===\n(.*)|^==\d+== (ERROR: .*)", re.MULTILINE)
_KEPT = re.compile(r"Test unit written to (\S+)")


def main(arguments: Sequence[str]) -> int:
    """Fuzz the requested targets, or try an input."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.fuzzing", description=__doc__)
    parser.add_argument("target", nargs="*", help="these alone")
    parser.add_argument("--runs", type=int, default=1000, help="of each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--light", action="store_true", help="do not look into libraries")
    parser.add_argument("--home", type=Path, default=Path("build/fuzzing"), help="for what is made")
    parser.add_argument("--input", type=Path, help="try this one, as it was kept, and nothing else")
    asked = parser.parse_args(arguments)
    known = {**TARGETS, CANARY.name: CANARY}
    chosen = [known[name] for name in asked.target or TARGETS]
    if asked.input:
        for target in chosen:
            target.prepare()(asked.input.read_bytes())
        return 0
    asked.home.mkdir(parents=True, exist_ok=True)
    told = list(_fuzz(chosen, asked.runs, asked.seed, asked.home, light=asked.light))
    return int(any(one["found"] for one in told))


def _fuzz(
    targets: Sequence[Target], runs: int, seed: int, home: Path, *, light: bool
) -> Iterator[dict[str, object]]:
    waiting, running = list(targets), dict[int, Target]()
    while waiting or running:
        while waiting and len(running) < _AT_ONCE:
            target = waiting.pop(0)
            running[_start(target, runs, seed, home / target.name, light=light)] = target
        pid, status = os.wait()
        target = running.pop(pid)
        told = _told(target, os.waitstatus_to_exitcode(status), home / target.name)
        print(json.dumps(told), flush=True)
        yield told


def _start(target: Target, runs: int, seed: int, home: Path, *, light: bool) -> int:
    pid = os.fork()
    if not pid:
        _be(target, runs, seed, home, light=light)
    return pid


def _be(target: Target, runs: int, seed: int, home: Path, *, light: bool) -> None:
    """Fuzz one target; does not return."""
    corpus = home / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(target.seeds()):
        (corpus / f"seed-{number:03}").write_bytes(one)
    take = target.prepare()
    _instrument(target.about if light else target.about + target.libraries)
    log = os.open(home / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    arguments = [
        target.name,
        str(corpus),
        f"-runs={max(1, round(runs * target.pace))}",
        f"-seed={seed or 1}",  # 0 would mean: any
        f"-max_len={target.longest}",
        f"-timeout={_SLOWEST_SECONDS}",
        "-rss_limit_mb=2048",
        f"-artifact_prefix={home}/",
        "-print_final_stats=0",
    ]
    atheris.Setup(arguments, take, custom_mutator=mutation.CHANGES[target.form])
    atheris.Fuzz()


def _instrument(modules: tuple[str, ...]) -> None:
    """Instrument these modules and their submodules for libFuzzer."""
    below = tuple(f"{module}." for module in modules)
    for found in gc.get_objects():
        if isinstance(found, FunctionType) and f"{found.__module__}.".startswith(below):
            atheris.instrument_func(found)


def _told(target: Target, code: int, home: Path) -> dict[str, object]:
    """The result of a target, from libFuzzer's log, which is all that it leaves."""
    log = (home / "log").read_text(errors="replace")
    done, said, kept = _DONE.search(log), _SAID.search(log), _KEPT.search(log)
    runs, covered, features, inputs = map(int, done.groups()) if done else (0, 0, 0, 0)
    return {
        "target": target.name,
        "runs": runs,
        "covered": covered,
        "features": features,
        "inputs": inputs,
        "code": code,
        "found": (said[1] or said[2]) if said else "" if done and not code else log[-500:],
        "input": str(kept[1]) if kept else "",
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
