"""Choice of the tests that coverage traces: a pytest plugin.

Tracing doubles the time of a test. The first cases of a parametrised test are traced, with their
fixtures; further ones, and sweeps, hardly reach a new line.
"""

from collections import Counter
from pathlib import Path

import coverage
import pytest

_CASES = 4
_TESTS = Path(__file__).parents[1]
# Here each case is a branch.
_ALL = tuple(_TESTS / name for name in ("bot/settings", "bot/operations", "bot_deploy"))
# Here the bot is in processes of its own, which no tracer sees: what is left to trace is the
# simulated GitHub, and the tests of its own room do that.
_UNTRACED = tuple(_TESTS / name for name in ("acceptance", "faults", "github_as_it_is"))
_IS_TRACED = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items) -> None:
    """Count the cases of each test."""
    cases = Counter()
    for item in items:
        test = item.nodeid.partition("[")[0]
        cases[test] += 1
        is_first = cases[test] <= _CASES or _is_in(item, _ALL)
        is_sweep = item.get_closest_marker("sweep")
        item.stash[_IS_TRACED] = is_first and not is_sweep and not _is_in(item, _UNTRACED)


def _is_in(item: pytest.Item, folders: tuple[Path, ...]) -> bool:
    return any(item.path.is_relative_to(folder) for folder in folders)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    """Stop the tracer during a test that is not traced."""
    tracer = coverage.Coverage.current()
    if tracer is None or item.stash[_IS_TRACED]:
        return (yield)
    tracer.stop()
    try:
        return (yield)
    finally:
        tracer.start()
