"""Report of skipped tests: a pytest plugin.

`--skips FILE` lists them by need. The run fails if a skipped test could have run: its need is
present, or it was skipped in another way than by tests.support.needs. A test that passed but left
out a part counts, too; it says so with `leave_out`. So does a deselected test.
"""

from collections import defaultdict
from pathlib import Path

import pytest

from tests.support import needs

_LEFT_OUT = "needs"
_DESELECTED = "deselected"


def leave_out(record_property, error: needs.AbsentError) -> None:
    """Record that the test continues without something; `record_property` is pytest's fixture."""
    record_property(_LEFT_OUT, [error.name, error.why])


def pytest_addoption(parser) -> None:
    """Add the option."""
    words = "list the skipped tests in FILE, and fail where one could have run"
    parser.addoption("--skips", metavar="FILE", type=Path, help=words)


def pytest_configure(config) -> None:
    """Register the mark and the report; xdist's workers only report what they deselect."""
    config.addinivalue_line("markers", "needs(*names): skip without these, see support/needs.py")
    if not config.getoption("skips"):
        return
    is_worker = hasattr(config, "workerinput")
    plugin = Deselected(config.workeroutput) if is_worker else Account(config.getoption("skips"))
    config.pluginmanager.register(plugin)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item) -> None:
    """Skip a test whose mark names something absent."""
    for mark in item.iter_markers("needs"):
        needs.need(*mark.args)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Record in the report what was absent."""
    report = yield
    error = call.excinfo.value if call.excinfo else None
    if isinstance(error, needs.AbsentError):
        report.user_properties.append((_LEFT_OUT, [error.name, error.why]))
    return report


class Deselected:
    """The tests that a worker of xdist deselected, for the run that started it."""

    def __init__(self, output: dict) -> None:
        self._tests = output.setdefault(_DESELECTED, [])

    def pytest_deselected(self, items) -> None:
        """Report the tests: only the worker knows that they exist."""
        self._tests += [item.nodeid for item in items]


class Account:
    """The skipped tests of a run, by need."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._absent: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._other: dict[str, str] = {}

    def pytest_deselected(self, items) -> None:
        """Count tests that an option or a variable excluded."""
        self._other |= dict.fromkeys((item.nodeid for item in items), "it was deselected")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node) -> None:
        """Count those that a worker of xdist deselected; each worker collects all tests."""
        found = getattr(node, "workeroutput", {}).get(_DESELECTED, ())
        self._other |= dict.fromkeys(found, "it was deselected")

    def pytest_runtest_logreport(self, report) -> None:
        """Count a skipped test or part."""
        found = [value for key, value in report.user_properties if key == _LEFT_OUT]
        for name, why in found:
            self._absent[name, why].add(report.nodeid)
        if report.skipped and not found:
            self._other[report.nodeid] = _reason(report)

    def pytest_collectreport(self, report) -> None:
        """Record a skipped file."""
        if report.skipped:
            self._other[report.nodeid] = _reason(report)

    def pytest_sessionfinish(self, session) -> None:
        """Write the list, and fail if one of them could have run."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text("".join(f"{line}\n" for line in self._lines()))
        if self._could_have_run() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter) -> None:
        """Print what could have run."""
        if found := self._could_have_run():
            terminalreporter.section("skipped, and could have run", red=True)
            for line in found:
                terminalreporter.write_line(line)

    def _could_have_run(self) -> list[str]:
        here = [
            f"{test}: {name} is here"
            for (name, _), tests in self._absent.items()
            if not needs.absent(name)
            for test in sorted(tests)
        ]
        other = "skipped by another way than tests/support/needs.py"
        return [*here, *(f"{test}: {other}: {why}" for test, why in self._other.items())]

    def _lines(self) -> list[str]:
        lines = []
        for (name, why), tests in sorted(self._absent.items()):
            lines += [f"{len(tests)} without {name}: {why}", *(f"    {t}" for t in sorted(tests))]
        return [*lines, *(f"1 skipped: {why}\n    {test}" for test, why in self._other.items())]


def _reason(report) -> str:
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[-1])
    return "it is expected to fail"
