"""tests.support.skips: a skipped test that could have run fails the run."""

import os
import subprocess
import sys

import pytest

from tests.support import needs
from tests.support.packing import ROOT

HEAD = """
import pytest
from tests.support import needs
from tests.support.skips import leave_out
"""
CONFTEST = """
from tests.support import needs
pytest_plugins = ["tests.support.skips"]
needs.KNOWN["here"] = needs.Need("here", lambda: "")
needs.KNOWN["elsewhere"] = needs.Need("elsewhere", lambda: "it is not here")
"""
HOLES = {
    "a skip of pytest's own": 'def test_it():\n    pytest.skip("needs spin")',
    "a skip of pytest's own in a fixture": (
        '@pytest.fixture\ndef it():\n    pytest.skip("x")\ndef test_it(it): pass'
    ),
    "a mark of pytest's own": '@pytest.mark.skipif(True, reason="x")\ndef test_it(): pass',
    "a whole file": 'pytest.importorskip("no_such_module")',
    "a test that is expected to fail": "@pytest.mark.xfail\ndef test_it(): assert False",
    "a tool that is here": 'def test_it():\n    raise needs.without("here", "it broke")',
    "a part, though the tool is here": (
        "def test_it(record_property):\n"
        '    leave_out(record_property, needs.without("here", "it broke"))'
    ),
}
ABSENT = {
    "by its mark": '@pytest.mark.needs("elsewhere")\ndef test_it(): pass',
    "in its fixture": (
        '@pytest.fixture\ndef it():\n    needs.need("elsewhere")\ndef test_it(it): pass'
    ),
    "in a part": (
        "def test_it(record_property):\n    try:\n"
        '        needs.need("elsewhere")\n    except needs.AbsentError as error:\n'
        "        leave_out(record_property, error)"
    ),
}


def run(place, tests, *words):
    """Run test files with the plugin; return exit code, output and list."""
    (place / "conftest.py").write_text(CONFTEST)
    for name, code in {**tests, "another": "def test_it(): pass"}.items():
        (place / f"test_{name.replace(' ', '_')}.py").write_text(f"{HEAD}\n{code}\n")
    there = ("--rootdir", ".", "-c", os.devnull, "-p", "no:cacheprovider", "--skips", "list.txt")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *there, *words, "."],
        cwd=place,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr, (place / "list.txt").read_text()


@pytest.fixture(scope="module")
def holes(tmp_path_factory):
    """A run of tests that could have run; workers of xdist skip, their parent reports."""
    return run(tmp_path_factory.mktemp("holes"), HOLES, "-p", "xdist", "-n", "1")


@pytest.mark.parametrize("hole", HOLES)
def test_a_skip_despite_the_tool_fails_the_run(holes, hole):
    """The output and the list name the test, however it was skipped."""
    exit_code, words, listed = holes
    file = f"test_{hole.replace(' ', '_')}.py"
    assert exit_code == 1
    assert file in words.partition("skipped, and could have run")[2]
    assert file in listed


@pytest.mark.parametrize("hole", ["a whole file", "a tool that is here"])
def test_one_hole_is_enough(tmp_path, hole):
    """One such test fails the run, also in one process."""
    exit_code, words, _ = run(tmp_path, {hole: HOLES[hole]})
    assert exit_code == 1
    assert "skipped, and could have run" in words


@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n", "2")], ids=["one", "xdist"])
@pytest.mark.parametrize("option", [("-k", "another"), ("--deselect", "test_x.py::test_it")])
def test_a_deselected_test_makes_the_run_fail(tmp_path, option, workers):
    """It is named, also where only the workers know that it exists."""
    exit_code, words, listed = run(tmp_path, {"x": "def test_it(): pass"}, *option, *workers)
    assert exit_code == 1
    assert "test_x.py::test_it" in words.partition("skipped, and could have run")[2]
    assert "1 skipped: it was deselected\n    test_x.py::test_it\n" in listed


def test_the_short_form_skips_nothing(tmp_path):
    """It chooses: what it leaves out is no skipped test."""
    tests = {
        "sweep": "@pytest.mark.sweep\ndef test_it(): assert False",
        "kinds": '@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])\n'
        'def test_it(kind): assert kind == "sqlite"',
    }
    exit_code, words, listed = run(tmp_path, tests, "-p", "tests.support.short", "--short")
    assert (exit_code, listed) == (0, "")
    assert "2 passed" in words


VARIABLES = {
    "PYTEST_ADDOPTS": "-k test_nothing_at_all",
    "PYTEST_PLUGINS": "no_such_plugin",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "COVERAGE_RCFILE": "no-such-file",
    "COV_CORE_SOURCE": "no-such-package",
    "PYTHONPATH": "no-such-folder",
}


@pytest.mark.parametrize("name", VARIABLES)
def test_make_keeps_the_environment_from_choosing_tests(tmp_path, name):
    """No variable of pytest, coverage or Python that changes what runs reaches a recipe."""
    (tmp_path / "Makefile").write_text(f"include {ROOT}/Makefile\nshow:\n\t@env\n")
    environ = os.environ | {name: VARIABLES[name]}
    done = subprocess.run(
        ["make", "--silent", "show"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "PATH=" in done.stdout
    assert f"{name}=" not in done.stdout


def test_a_skip_for_a_missing_tool_is_listed(tmp_path):
    """If the tool is absent the run passes, and the list names it."""
    exit_code, words, listed = run(tmp_path, ABSENT)
    assert exit_code == 0, words
    names = sorted(f"    test_{name.replace(' ', '_')}.py::test_it" for name in ABSENT)
    assert listed.splitlines() == ["3 without elsewhere: it is not here", *names]


def test_a_run_that_skips_nothing_passes(tmp_path):
    """A run without skips passes with an empty list."""
    exit_code, _, listed = run(tmp_path, {})
    assert (exit_code, listed) == (0, "")


def test_a_need_must_be_known():
    """An unknown need is an error, not a skip."""
    with pytest.raises(KeyError):
        needs.need("no such tool")


def test_an_installed_tool_is_found():
    """A probe finds a tool that every machine has."""
    needs.need("git")
    assert os.access(needs.program("git"), os.X_OK)


NETWORK = {"the package index", "npm's registry", "the base image"}


@pytest.mark.parametrize("name", [name for name in needs.KNOWN if name not in NETWORK])
def test_every_probe_says_why_in_one_line(name):
    """Every probe gives its reason in one line, or none."""
    assert "\n" not in needs.KNOWN[name].look()
