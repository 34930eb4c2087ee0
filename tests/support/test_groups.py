"""Groups: the tests of one dear fixture run in one process of pytest-xdist."""

import os
import subprocess
import sys

from tests.support.locks import ROOT

TEST = """
import os, pathlib, pytest, time

@pytest.fixture
def chromium():
    pass

@pytest.mark.parametrize("number", range(6))
def test_it(number, chromium):
    time.sleep(0.1)
    pathlib.Path(f"{number}.worker").write_text(os.environ["PYTEST_XDIST_WORKER"])
"""


def test_a_group_runs_in_one_process(tmp_path):
    """`--dist loadgroup` keeps the tests of a fixture together, so it is set up once."""
    (tmp_path / "test_dear.py").write_text(TEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    words = ("-q", "-p", "tests.support.groups", "-n", "2", "--dist", "loadgroup")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    workers = [path.read_text() for path in tmp_path.glob("*.worker")]
    assert len(workers) == 6
    assert len(set(workers)) == 1
