"""Mutation tester: runs mutmut on a copy of the checkout, and reads its results.

mutmut is installed by `make mutants` alone (docs/decisions/0141).
"""

import contextlib
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mutmut.configuration import reset_config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.format_utils import orig_function_and_class_names_from_key

from tests.mutants.argued import Mutation, mutation
from tests.mutants.parts import Part
from tests.mutants.results import SURVIVED, Results
from tests.support.locks import ROOT, tracked

# The words of a log line are no promise; docs/mutants.md says so.
_LOGS = r"^\s*_?log\.\w+\("
_INTERRUPTED = frozenset({"check was interrupted by user", "suspicious"})
_NOT_RUN = _INTERRUPTED | {"not checked"}
_FRESH = frozenset(map(Path, ("pyproject.toml", "requirements-mutants.txt")))


class FailedError(Exception):
    """The mutants cannot be tested; the message says why."""


class Tester:
    """The mutation tester of one part; it continues where an earlier run stopped."""

    def __init__(self, part: Part, root: Path = ROOT) -> None:
        self._part = part
        self._root = root
        self._place = root / "build" / "mutants" / part.name.replace("/", ".")

    def run(self) -> None:
        """Try the mutants that have not been tried, and the survivors again after a change.

        Raises FailedError.
        """
        changed = self._copy()
        if _FRESH & set(changed):
            # mutmut numbers the mutants of a function, by its settings.
            shutil.rmtree(self._place / "mutants", ignore_errors=True)
        elif changed:
            # Which tests reach a function may have changed with them.
            (self._place / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
        again = self._names(SURVIVED if changed else _INTERRUPTED)
        # mutmut tries all that have not been tried, or just those that it is given.
        self._mutmut("run", *again, *(self._names(_NOT_RUN) if again else ()))

    def results(self) -> Results:
        """What the runs until now have found. Raises FailedError where there was none."""
        if not (self._place / "mutants").is_dir():
            raise FailedError(f"no run has made mutants of {self._part.name} yet")
        found = Counter(self._statuses().values())
        files = frozenset(map(str, self._mutated()))
        return Results(found, files, tuple(sorted(self._survivors())))

    def _copy(self) -> list[Path]:
        """Bring the copy up to date; returns the files that changed."""
        files = tracked("**")
        self._place.mkdir(parents=True, exist_ok=True)
        for gone in self._copied() - set(files):
            for folder in (self._place, self._place / "mutants"):
                (folder / gone).unlink(missing_ok=True)
        changed = [path for path in files if self._differs(path)]
        for path in changed:
            (self._place / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._root / path, self._place / path)
        (self._place / "copied.json").write_text(json.dumps([str(path) for path in files]))
        (self._place / "pyproject.toml").write_text(self._configuration())
        return changed

    def _copied(self) -> set[Path]:
        record = self._place / "copied.json"
        return set(map(Path, json.loads(record.read_text()))) if record.exists() else set()

    def _differs(self, path: Path) -> bool:
        copy = self._place / path
        if path == Path("pyproject.toml"):
            return not copy.exists() or copy.read_text() != self._configuration()
        return not copy.exists() or copy.read_bytes() != (self._root / path).read_bytes()

    def _configuration(self) -> str:
        settings = {
            "source_paths": ["bot", "bot_deploy", "luggage"],
            "only_mutate": list(self._part.sources),
            "do_not_mutate_patterns": [_LOGS],
            "also_copy": sorted({path.parts[0] for path in tracked("**")}),
            "pytest_add_cli_args_test_selection": list(self._part.tests),
        }
        # A list of strings in JSON is one in TOML.
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in settings.items()]
        text = (self._root / "pyproject.toml").read_text()
        return f"{text}\n[tool.mutmut]\n{''.join(lines)}"

    def _mutmut(self, *arguments: str) -> None:
        # One at a time: many tests wait, and a late one would look like a killed mutant.
        command = [str(Path(sys.executable).with_name("mutmut")), *arguments, "--max-children", "1"]
        if subprocess.run(command, cwd=self._place, check=False).returncode != 0:
            raise FailedError(f"mutmut failed on {self._part.name}; see its messages above")

    def _names(self, statuses: frozenset[str]) -> list[str]:
        return [name for name, status in self._statuses().items() if status in statuses]

    def _statuses(self) -> dict[str, str]:
        return {
            name: status_by_exit_code[code]
            for data in self._data()
            for name, code in data.exit_code_by_key.items()
        }

    def _data(self) -> list[SourceFileMutationData]:
        data = [SourceFileMutationData(path=path) for path in self._mutated()]
        with contextlib.chdir(self._place):
            for each in data:
                each.load()
        return data

    def _mutated(self) -> list[Path]:
        return sorted({path for each in self._part.sources for path in tracked(each)})

    def _survivors(self) -> Iterator[Mutation]:
        reset_config()
        with contextlib.chdir(self._place):
            for data in self._data():
                for name, code in data.exit_code_by_key.items():
                    if status_by_exit_code[code] in SURVIVED:
                        function, owner = orig_function_and_class_names_from_key(name)
                        whole = function if owner is None else f"{owner}.{function}"
                        diff = get_diff_for_mutant(name, path=data.path)
                        yield mutation(str(data.path), whole, diff.splitlines())
